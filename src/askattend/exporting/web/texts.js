'use strict';
/* What the page says of itself where no server is; its own script comes after this one. */
addEventListener('DOMContentLoaded', () => {
	Object.assign(TEXT.en, {
		privacy: 'Images stay in this browser: nothing is sent anywhere.', forget: 'Remove this image from this page', err503: 'The model could not be read.', err404: 'This page does not have it any more.',
		err500: 'Something went wrong in this page.', saved: 'Saved conversation of {date}. Its answers can be looked at; to ask more, open the page.', working: 'Looking …',
	});
	Object.assign(TEXT.zh, {
		privacy: '图片只留在这个浏览器里，不会发送到任何地方。', forget: '从本页删除这张图片', err503: '无法读取模型。', err404: '本页已没有它。',
		err500: '本页出错了。', saved: '保存于 {date} 的对话，可以查看答案；要继续提问，请打开网页。', working: '正在看 …',
	});
	// The steps of a forward pass are told by the service alone.
	View.prototype.tabs = function tabs() {
		const row = h('div.tabs', h('span.caps', t('tabAnswer')), h('span.which', this.run));
		row.style.paddingBottom = '11px';
		return row;
	};
	applyText();
	if (state.image) render();
});

'use strict';
/* What the page says of itself where no server is; its own script comes after this one. */
addEventListener('DOMContentLoaded', () => {
	Object.assign(TEXT, {
		privacy: ['Images stay in this browser: nothing is sent anywhere.', '图片只留在这个浏览器里，不会发送到任何地方。'],
		forget: ['Remove this image from this page', '从本页删除这张图片'], err503: ['The model could not be read.', '无法读取模型。'],
		err404: ['This page does not have it any more.', '本页已没有它。'], err500: ['Something went wrong in this page.', '本页出错了。'],
		saved: ['Saved conversation of {date}. Its answers can be looked at; to ask more, open the page.', '保存于 {date} 的对话，可以查看答案；要继续提问，请打开网页。'],
	});
	applyText();
	if (state.image) render();
});

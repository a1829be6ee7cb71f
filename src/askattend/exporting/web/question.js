'use strict';
/* Questions as words: what the Python package does (askattend/data/text.py), character by character. */
const askattendQuestions = (() => {
	const APOSTROPHES = /[’‘‛＇`´]/g, JOINERS = "'_·׳״", READ_ALOUD = '%&#@％＆＃＠‰', KANA_MARKS = 'ﾞﾟ';
	// Scripts that put no space between words, by block: first and last code point.
	const UNSPACED = [
		[0x0e00, 0x0eff], [0x1000, 0x109f], [0x1780, 0x17ff], [0x1950, 0x19df], [0x1a20, 0x1aaf], [0x2e80, 0x2fdf],
		[0x3005, 0x3007], [0x3021, 0x312f], [0x31a0, 0x31ff], [0x3400, 0x4dbf], [0x4e00, 0x9fff], [0xa9e0, 0xa9ff],
		[0xaa60, 0xaadf], [0xf900, 0xfaff], [0xff66, 0xff9f], [0x1aff0, 0x1b16f], [0x20000, 0x3ffff],
	];
	// What holds the parts of a word together, and how many parts somebody divides one into at most.
	const HOLDS = /[_'·]/, MOST_PARTS = 4, joined = text => text.replace(/[_'·]/g, '');
	// Over classes, one letter a character.
	const TOKEN = /[cs]m*|[wdm]+(?:(?:j|(?<=d)\.(?=d))[wdm]+)*/g;

	const normalise = text => text.normalize('NFC').toLowerCase().normalize('NFC');
	const unspaced = code => UNSPACED.some(([low, high]) => low <= code && code <= high);

	// w part of a word; d digit; c a word by itself; m mark; s symbol; j joiner; f format character;
	// "." itself; blank for all that divides.
	function classOf(char) {
		if (/\p{M}/u.test(char) || KANA_MARKS.includes(char)) return 'm';
		if (/\p{Nd}/u.test(char)) return 'd';
		if (/[\p{L}\p{N}]/u.test(char)) return unspaced(char.codePointAt(0)) ? 'c' : 'w';
		if (JOINERS.includes(char)) return 'j';
		if (/\p{S}/u.test(char) || READ_ALOUD.includes(char)) return 's';
		return /\p{Cf}/u.test(char) && char !== '\u200b' ? 'f' : char === '.' ? '.' : ' ';
	}

	// Words of a normalised text, each with its first character and one past its last, format
	// characters being no part of what words are found in.
	function found(text) {
		const chars = Array.from(text.replace(APOSTROPHES, "'"), (char, place) => ({ char, place, kind: classOf(char) }));
		const kept = chars.filter(({ kind }) => kind !== 'f'), classes = kept.map(({ kind }) => kind).join('');
		return [...classes.matchAll(TOKEN)].map(({ index, 0: { length } }) => ({
			word: kept.slice(index, index + length).map(({ char }) => char).join(''),
			span: [kept[index].place, kept[index + length - 1].place + 1],
		}));
	}

	function spans(question) {
		const text = normalise(question), chars = Array.from(question), size = part => Array.from(normalise(part)).length;
		const places = found(text).map(({ span }) => span);
		if (Array.from(text).length === chars.length && chars.every(char => size(char) === 1)) return places;
		// How many characters each part of the question from the start comes to.
		let most = 0;
		const reached = Array.from({ length: chars.length + 1 }, (_, end) => { most = Math.max(most, size(chars.slice(0, end).join(''))); return most; });
		const typed = position => reached.findLastIndex(count => count <= position);
		return places.map(([start, end]) => [typed(start), typed(end)]);
	}

	// As pytorch-vqa does: the last character is dropped, and every single space divides.
	const pytorchVqaWords = question => Array.from(question.toLowerCase()).slice(0, -1).join('').split(' ');
	function pytorchVqaSpans(question) {
		let end = 0;
		return Array.from(question).slice(0, -1).join('').split(' ').map(word => {
			const start = end;
			end += Array.from(word).length + 1;
			return [start, end - 1];
		});
	}

	/* A vocabulary: {words, tokeniser, unknown}, as manifest.json has it. */
	class Vocabulary {
		constructor({ list, tokeniser, unknown }) {
			const own = tokeniser === 'pytorch-vqa';
			this.index = new Map(list.map((word, index) => [word, index]));
			this.unknown = unknown;
			this.joined = new Map(list.map(word => [joined(word), word]));
			this.tokenise = own ? pytorchVqaWords : question => found(normalise(question)).map(({ word }) => word);
			this.spans = own ? pytorchVqaSpans : spans;
			this.remark = question => (own && !question.endsWith('?')
				? `like pytorch-vqa, this model drops a question's last character, here '${Array.from(question).at(-1) ?? ''}': end it with '?'` : null);
		}

		encode(question) {
			const indices = this.tokenise(question).map(word => this.index.get(word) ?? this.unknown);
			return indices.length ? indices : [this.unknown];
		}

		unlisted(question) {
			return [...new Set(this.tokenise(question).filter(word => word && !this.index.has(word)))];
		}

		// What who asks should know of how a question is read.
		notes(question) {
			const remark = this.remark(question), alike = this.unlisted(question).length ? this.alike(this.tokenise(question)) : new Map();
			return [...(remark ? [remark] : []), ...[...alike].map(([written, word]) => `it knows '${word}', not '${written}'`)];
		}

		// Parts of a question that are known words but for how they are written.
		alike(words) {
			const found = new Map(), known = word => this.index.has(word);
			words.forEach((_, first) => {
				for (let end = first + 1; end <= Math.min(first + MOST_PARTS, words.length); end++) {
					const part = words.slice(first, end), word = part.every(known) ? undefined : this.joined.get(joined(part.join('')));
					if (word !== undefined) found.set(part.join(' '), word);
				}
			});
			for (const word of words) {
				const parts = word.split(HOLDS);
				if (!known(word) && parts.length > 1 && parts.every(known)) found.set(word, parts.join(' '));
			}
			return found;
		}

		saysNothing(question) { return !this.tokenise(question).some(Boolean); }
	}

	return { Vocabulary, normalise, words: question => found(normalise(question)).map(({ word }) => word), spans, pytorchVqaWords, pytorchVqaSpans };
})();

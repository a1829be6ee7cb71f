'use strict';
/* The service that the page asks, in the page itself: the same interface, answered by onnxruntime-web. */
const askattendService = (() => {
	const TOP = 5, VERSIONS_PER_PASS = 64, FILES = { backbone: 'backbone.onnx', image: 'image.onnx', question: 'question.onnx' };
	const images = new Map();
	let loaded = null, last = Promise.resolve(), number = 0;

	// What the page is told where something is refused.
	class Refusal extends Error {
		constructor(status, detail, remedy) { super(detail); Object.assign(this, { status, detail, remedy }); }
	}
	// A file of this folder; none is answered with the error that says what to do.
	async function fetched(name) {
		const response = await globalThis.fetch.plain(name).catch(() => null);
		if (!response?.ok) throw new Refusal(0, `the file ${name} could not be read`, location.protocol === 'file:'
			? 'Browsers read no models from files: serve this folder, as by python -m http.server, and open that address.' : 'Reload the page, or copy the folder again.');
		return response;
	}
	// The manifest and the graphs, once; tried again where it failed.
	const manifest = () => (manifest.read ??= fetched('manifest.json').then(response => response.json()).catch(error => { manifest.read = null; throw error; }));
	// onnxruntime-web itself, which no page needs before there is an image.
	const runtime = () => new Promise((resolve, reject) => {
		if ('ort' in globalThis) { resolve(); return; }
		const script = Object.assign(document.createElement('script'), { src: 'onnxruntime-web/ort.wasm.min.js', onload: resolve });
		script.onerror = () => { script.remove(); reject(new Refusal(0, 'onnxruntime-web could not be read', 'Reload the page, or copy the folder again.')); };
		document.head.append(script);
	});
	async function load() {
		const about = await manifest();
		await runtime();
		Object.assign(ort.env.wasm, { proxy: true, wasmPaths: new URL('onnxruntime-web/', document.baseURI).href, numThreads: globalThis.crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency) : 1 });
		const sessions = {};
		for (const [name, file] of Object.entries(FILES)) {
			if (about.graphs[name]) sessions[name] = await ort.InferenceSession.create(new Uint8Array(await (await fetched(file)).arrayBuffer()), { executionProviders: ['wasm'] });
		}
		return { about, sessions, vocabulary: new askattendQuestions.Vocabulary(about.words) };
	}
	const models = () => (loaded ??= load().catch(error => { loaded = null; throw error; }));
	// One after the other: a graph takes one input at a time.
	function inTurn(act) {
		const turn = last.then(act);
		last = turn.catch(() => null);
		return turn;
	}
	// Graphs are computed beside the page, by a worker that takes what it is given for good.
	const copied = ({ type, data, dims }) => new ort.Tensor(type, data.slice(), dims);
	const int64 = (values, dims) => new ort.Tensor('int64', BigInt64Array.from(values, BigInt), dims);

	/* Looking: pixels → regions → all that is computed once an image */
	async function encode({ picture }) {
		const { about, sessions } = await models(), spec = about.preprocessing;
		let regions;
		if (sessions.backbone) {
			const side = spec.image_size, pixels = askattendPictures.planes(askattendPictures.square(picture, spec));
			const shown = askattendPictures.shownRegions(picture, spec), feeds = { pixels: new ort.Tensor('uint8', pixels, [1, 3, side, side]) };
			if (shown) feeds.shown = new ort.Tensor('bool', shown, [1, shown.length]);
			({ regions } = await inTurn(() => sessions.backbone.run(feeds)));
		} else { // a network that does not use the image
			regions = new ort.Tensor('float32', new Float32Array(spec.rows * spec.columns * spec.region_dim), [1, spec.rows * spec.columns, spec.region_dim]);
		}
		return inTurn(() => sessions.image.run({ regions }));
	}

	// Look at an image unless that is done or under way; then its size alone is kept of the picture.
	function look(image) {
		return (image.encoding ??= encode(image).then(
			encoding => { const { width, height } = image.picture; image.picture = { width, height }; return encoding; },
			error => { image.encoding = null; throw error; },
		));
	}

	/* Asking: versions of a question, as words' indices, about one image */
	async function answer(encoding, versions, edited) {
		const { about, sessions } = await models(), longest = Math.max(...versions.map(words => words.length)), feeds = {};
		for (const name of about.graphs.question.inputs.map(input => input.name)) if (name in encoding) feeds[name] = copied(encoding[name]);
		const padded = versions.flatMap(words => [...words, ...Array(longest - words.length).fill(about.words.padding)]);
		Object.assign(feeds, { tokens: int64(padded, [versions.length, longest]), lengths: int64(versions.map(words => words.length), [versions.length]), image_index: int64(versions.map(() => 0), [versions.length]) });
		if (about.editable) {
			const { maps } = about.attention, regions = about.attention.rows * about.attention.columns, given = new Float32Array(maps * regions), chosen = new Uint8Array(maps);
			(edited ?? []).forEach((map, index) => {
				if (!map) return;
				const flat = map.flat(), sum = flat.reduce((total, value) => total + value, 0);
				if (!(sum > 0) || flat.some(value => !(value >= 0))) throw new Refusal(422, 'holds nothing but zeros, or what is no weight', 'Leave some weight on a region at least.');
				chosen[index] = 1;
				given.set(flat.map(value => value / sum), index * regions);
			});
			Object.assign(feeds, { edited_maps: new ort.Tensor('float32', given, [maps, regions]), edited: new ort.Tensor('bool', chosen, [maps]) });
		}
		const { probabilities, attention, ranges } = await inTurn(() => sessions.question.run(feeds)), wide = probabilities.dims[1];
		return { probabilities: versions.map((_, row) => probabilities.data.slice(row * wide, (row + 1) * wide)), attention, ranges };
	}

	async function effects(encoding, question) {
		const { vocabulary, about } = await models(), words = vocabulary.encode(question);
		const versions = [words, ...words.map((_, at) => { const rest = words.toSpliced(at, 1); return rest.length ? rest : [vocabulary.unknown]; })];
		// Padding, which shorter versions have, must not count as a word's effect.
		const size = about.depends_on_padding ? 1 : VERSIONS_PER_PASS, found = [];
		for (let first = 0; first < versions.length; first += size) found.push(...(await answer(encoding, versions.slice(first, first + size))).probabilities);
		const best = found[0].indexOf(Math.max(...found[0])), chars = Array.from(question);
		return vocabulary.spans(question).map(([start, end], at) => ({ text: chars.slice(start, end).join(''), start, end, drop: found[0][best] - found[at + 1][best] })).filter(({ start, end }) => end > start);
	}

	async function ask(id, { question, top = TOP, attention: form = 'none', words = false, edited_attention: edited }) {
		const { about, vocabulary } = await models(), begun = performance.now(), image = images.get(id);
		if (!image) throw new Refusal(404, 'no such image', 'Choose it again.');
		if (!question.isWellFormed()) throw new Refusal(422, 'the question holds half a character', 'Ask with words.');
		if (vocabulary.saysNothing(question)) throw new Refusal(422, 'the question has no word in it', 'Ask with words.');
		look(image);
		const encoding = await image.encoding, tokens = vocabulary.encode(question);
		const { probabilities: [all], attention } = await answer(encoding, [tokens], edited);
		if (!all.every(Number.isFinite)) throw new Refusal(500, 'the network answers with what is no number', 'Copy the folder again.');
		const ranked = [...all.keys()].sort((a, b) => all[b] - all[a]).slice(0, top).map(index => ({ answer: about.answers[index], probability: all[index] }));
		const unknown = tokens.filter(word => word === vocabulary.unknown).length / tokens.length, unlike = encoding.unlike ? Boolean(encoding.unlike.data[0]) : null, { threshold, most_unknown: most } = about.sure, { rows, columns, maps, maps_name: name } = about.attention;
		const values = Array.from({ length: maps }, (_, map) => Array.from({ length: rows }, (_, row) => Array.from(attention.data.subarray((map * rows + row) * columns, (map * rows + row + 1) * columns))));
		return {
			run: about.run,
			answers: [{
				question, answer: ranked[0].answer, probability: ranked[0].probability, threshold, unlike_training: unlike,
				sure: unknown > most || unlike ? false : threshold === null ? null : ranked[0].probability >= threshold,
				unknown_words: tokens.includes(vocabulary.unknown) ? vocabulary.unlisted(question) : [], notes: vocabulary.notes(question), top: ranked,
				attention: form === 'none' ? null : { maps_name: name, rows, columns, values },
				words: words ? await effects(encoding, question) : null,
			}],
			seen: askattendPictures.cropOf(image.picture, about.preprocessing),
			milliseconds: Math.round((performance.now() - begun) * 10) / 10,
		};
	}

	/* The steps of a forward pass: what they are is in the manifest, the range of their numbers comes with the answer */
	// Something that is told of questions of 1, 2, … words; each further word adds as much as the last.
	const grown = (told, words) => told[words - 1] ?? told.at(-1) + (told.at(-1) - told.at(-2)) * (words - told.length);
	function step({ shapes, flops, maps, ranged, ...step }, words, rows, images) {
		const told = { ...step, paper_shape: shapes[0].map((_, axis) => grown(shapes.map(shape => shape[axis]), words)), flops: grown(flops, words) };
		const [least, greatest] = ranged ? rows.shift() : [];
		if (Number.isFinite(least)) told.values = { least, greatest };
		if (maps) told.maps = images.splice(0, maps);
		return told;
	}
	async function trace(id, { question }) {
		const { about, vocabulary } = await models(), { answers: [{ answer: text, probability, attention: { values } }] } = await ask(id, { question, attention: 'array' });
		const encoding = await images.get(id).encoding, tokens = vocabulary.encode(question), { ranges } = await answer(encoding, [tokens]);
		const rows = [encoding.ranges, ranges].flatMap(({ data, dims: [count] }) => Array.from({ length: count }, (_, row) => [data[2 * row], data[2 * row + 1]])), maps = [...values];
		const steps = about.steps.map(facts => step(facts, tokens.length, rows, maps));
		for (const told of steps) if (told.name === 'tokens') told.words = vocabulary.tokenise(question).map((word, at) => ({ word, index: tokens[at] }));
		const sum = counts => counts.reduce((total, count) => total + count, 0), parameters = Object.assign({}, ...steps.map(told => told.parameters));
		return { network: about.network, steps, totals: { parameters: sum(Object.values(parameters)), flops: sum(steps.map(({ flops }) => flops)) }, question, answer: text, probability };
	}

	async function upload(blob) {
		let picture;
		try {
			picture = await askattendPictures.open(blob);
		} catch (error) {
			throw error instanceof RangeError ? new Refusal(413, 'the image is too large for this browser', 'Shrink it first.') : new Refusal(415, 'not an image that this browser can read', 'Choose a PNG, JPEG, WebP, GIF or BMP.');
		}
		const id = String(++number), image = { picture, encoding: null };
		images.set(id, image);
		look(image).catch(() => null); // at once, while somebody types
		return { id, width: picture.width, height: picture.height };
	}

	async function runs() {
		const about = await manifest(), { attention: { maps_name: mapsName, maps, rows, columns }, page, words, answers } = about;
		return { runs: [{ id: about.run, network: about.network, maps_name: mapsName, maps, rows, columns, answers: answers.length, words: words.list.length, threshold: about.sure.threshold, attends: about.attends, ...page }], max_question_length: 500, images_expire_in: 60 }; // the latter's only use is to have the line on privacy shown
	}

	// What the server would do with a request to `path`.
	async function respond(path, method, body) {
		const [, , id, act] = path.split('/');
		if (path === 'v1/runs') return runs();
		if (method === 'DELETE') return images.delete(id) && null;
		if (path === 'v1/images') return upload(body);
		if (act === 'ask') return ask(id, JSON.parse(body));
		if (act === 'trace') return trace(id, JSON.parse(body));
		throw new Refusal(404, 'nothing like it here');
	}

	const plain = globalThis.fetch.bind(globalThis);
	globalThis.fetch = Object.assign(async (path, options = {}) => {
		if (!String(path).startsWith('v1/')) return plain(path, options);
		const json = (value, status) => new Response(JSON.stringify(value), { status, headers: { 'Content-Type': 'application/json' } });
		try {
			const value = await respond(String(path), options.method ?? 'GET', options.body);
			return value === null ? new Response(null, { status: 204 }) : json(value, 200);
		} catch (error) {
			if (!(error instanceof Refusal)) console.warn(error);
			const { status = 500, detail = String(error?.message ?? error), remedy = 'Reload the page.' } = error;
			// No response can have a status of 0, which is a server's that is not reached.
			return json({ detail, remedy }, status || 503);
		}
	}, { plain });
	return { models, ask, upload };
})();

'use strict';
/* Pictures as the backbone takes them: what the Python package does with Pillow, to the last bit where
   the decoder gives the same pixels. A picture is {width, height, data}, three bytes a pixel. */
const askattendPictures = (() => {
	const REDUCING_GAP = 3, USUAL_SIDE = 448;
	const FILTERS = {
		bicubic: { support: 2, weight(x) { // Keys' cubic with a = -1/2
			const t = Math.abs(x);
			if (t < 1) return (1.5 * t - 2.5) * t * t + 1;
			return t < 2 ? (((t - 5) * t + 8) * t - 4) * -0.5 : 0;
		} },
		bilinear: { support: 1, weight: x => Math.max(0, 1 - Math.abs(x)) },
	};
	// To the nearest, halves to even numbers, as Python and NumPy round.
	function rint(x) {
		const low = Math.floor(x), rest = x - low;
		return rest > 0.5 || (rest === 0.5 && low % 2) ? low + 1 : low;
	}

	/* ---- Resampling, as Pillow's Resample.c and Reduce.c do it on bytes ---- */
	const BITS = 22;
	function coefficients(inside, start, end, outside, { support, weight }) {
		const scale = Math.fround(end - start) / outside, wide = Math.max(scale, 1), reach = support * wide;
		return Array.from({ length: outside }, (_, at) => {
			const centre = start + (at + 0.5) * scale;
			const first = Math.max(0, Math.trunc(centre - reach + 0.5)), last = Math.min(inside, Math.trunc(centre + reach + 0.5));
			const weights = Array.from({ length: last - first }, (_, x) => weight((x + first - centre + 0.5) * (1 / wide)));
			const sum = weights.reduce((total, each) => total + each, 0);
			return { first, weights: Int32Array.from(weights, each => { const part = (sum ? each / sum : each) * 2 ** BITS; return Math.trunc(part + (part < 0 ? -0.5 : 0.5)); }) };
		});
	}
	const clipped = sum => Math.min(255, Math.max(0, sum >> BITS));
	function across({ width, height, data }, columns, kernels) {
		const out = new Uint8Array(columns * height * 3);
		for (let y = 0, to = 0; y < height; y++) {
			for (const { first, weights } of kernels) {
				let from = (y * width + first) * 3, red = 1 << (BITS - 1), green = red, blue = red;
				for (const weight of weights) { red += data[from++] * weight; green += data[from++] * weight; blue += data[from++] * weight; }
				out[to++] = clipped(red); out[to++] = clipped(green); out[to++] = clipped(blue);
			}
		}
		return { width: columns, height, data: out };
	}
	function down({ width, height, data }, rows, kernels) {
		const out = new Uint8Array(width * rows * 3), line = width * 3;
		kernels.forEach(({ first, weights }, y) => {
			for (let x = 0; x < line; x++) {
				let sum = 1 << (BITS - 1), from = first * line + x;
				for (const weight of weights) { sum += data[from] * weight; from += line; }
				out[y * line + x] = clipped(sum);
			}
		});
		return { width, height: rows, data: out };
	}
	// `box` is left, top, right and bottom in pixels, in single precision.
	function resample(picture, width, height, filter, box = [0, 0, picture.width, picture.height]) {
		const [left, top, right, bottom] = box.map(Math.fround);
		if (width !== picture.width || left || right !== width) picture = across(picture, width, coefficients(picture.width, left, right, width, filter));
		if (height !== picture.height || top || bottom !== height) picture = down(picture, height, coefficients(picture.height, top, bottom, height, filter));
		return picture;
	}
	// The mean of whole blocks; those at the right and lower edge may be smaller.
	function reduce({ width, height, data }, wide, high) {
		const columns = Math.ceil(width / wide), rows = Math.ceil(height / high), out = new Uint8Array(columns * rows * 3);
		for (let y = 0, to = 0; y < rows; y++) {
			const top = y * high, bottom = Math.min(height, top + high);
			for (let x = 0; x < columns; x++) {
				const left = x * wide, right = Math.min(width, left + wide), count = (right - left) * (bottom - top);
				let red = Math.floor(count / 2), green = red, blue = red;
				for (let row = top; row < bottom; row++) {
					for (let from = (row * width + left) * 3, end = (row * width + right) * 3; from < end;) { red += data[from++]; green += data[from++]; blue += data[from++]; }
				}
				const factor = Math.trunc(Math.fround(2 ** 32 / (256 * count)));
				out[to++] = red * factor / 2 ** 24; out[to++] = green * factor / 2 ** 24; out[to++] = blue * factor / 2 ** 24;
			}
		}
		return { width: columns, height: rows, data: out };
	}
	// Bicubic; where the picture is much too large, blocks are averaged first.
	function shrink(picture, width, height) {
		const wide = Math.trunc(picture.width / width / REDUCING_GAP) || 1, high = Math.trunc(picture.height / height / REDUCING_GAP) || 1;
		const box = [0, 0, picture.width / wide, picture.height / high];
		return resample(wide > 1 || high > 1 ? reduce(picture, wide, high) : picture, width, height, FILTERS.bicubic, box);
	}

	/* ---- The square that a backbone takes; `spec` is the manifest's preprocessing ---- */
	function place({ width, height }, side) {
		const [wide, high] = [width, height].map(length => Math.max(1, rint((length * side) / Math.max(width, height))));
		return { left: Math.floor((side - wide) / 2), top: Math.floor((side - high) / 2), wide, high };
	}
	// The part of a picture that its square shows, as shares of its width and height.
	function cropOf(size, { geometry, image_size: imageSize, central_fraction: fraction }) {
		if (geometry === 'squash') return [0, 0, 1, 1];
		if (geometry === 'pad') {
			const { left, top, wide, high } = place(size, imageSize);
			return [-left / wide, -top / high, (imageSize - left) / wide, (imageSize - top) / high];
		}
		const side = imageSize || USUAL_SIDE, short = Math.trunc(side / fraction), least = Math.min(size.width, size.height);
		const wide = Math.trunc((short * size.width) / least), high = Math.trunc((short * size.height) / least);
		const left = rint((wide - side) / 2), top = rint((high - side) / 2);
		return [left / wide, top / high, (left + side) / wide, (top + side) / high];
	}
	function padded(picture, { image_size: side, mean }) {
		const { left, top, wide, high } = place(picture, side), small = shrink(picture, wide, high);
		const grey = mean.map(channel => rint(255 * channel)), data = Uint8Array.from({ length: side * side * 3 }, (_, index) => grey[index % 3]);
		for (let row = 0; row < high; row++) data.set(small.data.subarray(row * wide * 3, (row + 1) * wide * 3), ((top + row) * side + left) * 3);
		return { width: side, height: side, data };
	}
	function square(picture, spec) {
		const side = spec.image_size;
		if (spec.geometry === 'squash') return shrink(picture, side, side);
		if (spec.geometry === 'pad') return padded(picture, spec);
		const [left, top, right, bottom] = cropOf(picture, spec), { width, height } = picture;
		const box = [left * width, top * height, Math.min(right * width, width), Math.min(bottom * height, height)];
		return resample(picture, side, side, FILTERS.bilinear, box);
	}
	// Channels × rows × columns.
	function planes({ width, height, data }) {
		const size = width * height, out = new Uint8Array(3 * size);
		for (let pixel = 0; pixel < size; pixel++) for (let channel = 0; channel < 3; channel++) out[channel * size + pixel] = data[pixel * 3 + channel];
		return out;
	}
	// 1 for regions that show something of a picture; null where all do.
	function shownRegions(size, { geometry, image_size: side, rows, columns }) {
		if (geometry !== 'pad') return null;
		const { left, top, wide, high } = place(size, side);
		const touched = (start, length, cells) => Array.from({ length: cells }, (_, cell) => { const edge = Math.floor(side / cells); return (cell + 1) * edge > start && cell * edge < start + length; });
		const rowsShown = touched(top, high, rows), columnsShown = touched(left, wide, columns);
		return Uint8Array.from(rowsShown.flatMap(row => columnsShown.map(column => Number(row && column))));
	}

	/* ---- A file's pixels, upright ---- */
	const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a], ORIENTATION = 0x0112, XMP_WITHIN = 2 ** 18;
	const text = (bytes, start, end) => String.fromCharCode(...bytes.subarray(start, end));
	const view = bytes => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	// Where the orientation stands in a TIFF header and its first folder: [place, little-endian].
	function orientationAt(bytes, start) {
		const data = view(bytes), little = text(bytes, start, start + 2) === 'II';
		try {
			if (!little && text(bytes, start, start + 2) !== 'MM') return null;
			const folder = start + data.getUint32(start + 4, little), count = data.getUint16(folder, little);
			for (let entry = folder + 2; entry < folder + 2 + 12 * count; entry += 12) {
				if (data.getUint16(entry, little) === ORIENTATION && data.getUint16(entry + 2, little) === 3) return [entry + 8, little];
			}
		} catch (error) {
			if (!(error instanceof RangeError)) throw error; // a malformed block makes no picture unreadable
		}
		return null;
	}
	function* pngChunks(bytes) {
		const data = view(bytes);
		for (let at = 8; at + 12 <= bytes.length;) {
			const length = data.getUint32(at), end = at + 12 + length;
			yield { kind: text(bytes, at + 4, at + 8), at, body: bytes.subarray(at + 8, at + 8 + length), end };
			at = end;
		}
	}
	function exifStart(bytes) {
		const data = view(bytes);
		if (bytes[0] === 0xff && bytes[1] === 0xd8) {
			for (let at = 2; at + 4 < bytes.length && bytes[at] === 0xff && bytes[at + 1] !== 0xda; at += 2 + data.getUint16(at + 2)) {
				if (bytes[at + 1] === 0xe1 && text(bytes, at + 4, at + 10) === 'Exif\0\0') return at + 10;
			}
		} else if (text(bytes, 0, 4) === 'RIFF' && text(bytes, 8, 12) === 'WEBP') {
			for (let at = 12, length; at + 8 <= bytes.length; at += 8 + length + (length % 2)) {
				length = data.getUint32(at + 4, true);
				if (text(bytes, at, at + 4) === 'EXIF') return text(bytes, at + 8, at + 14) === 'Exif\0\0' ? at + 14 : at + 8;
			}
		}
		return null;
	}
	// As Pillow has it where no EXIF tells: by XMP, which stands as plain text near one of a file's ends.
	function orientationInXmp(bytes) {
		for (const part of [bytes.subarray(0, XMP_WITHIN), bytes.subarray(-XMP_WITHIN)]) {
			const found = /tiff:Orientation(?:="|>)([0-9])/.exec(new TextDecoder('latin1').decode(part));
			if (found) return Number(found[1]);
		}
		return 1;
	}
	// The orientation of a file, and the file without it, which browsers obey in some formats alone.
	function oriented(file) {
		const bytes = new Uint8Array(file);
		if (PNG.every((byte, index) => bytes[index] === byte)) {
			const chunks = [...pngChunks(bytes)], chunk = chunks.find(({ kind }) => kind === 'eXIf'), at = chunk ? orientationAt(chunk.body, 0) : null;
			const header = chunks.find(({ kind }) => kind === 'IHDR')?.body, deepColour = header?.[8] === 16 && header[9] === 2;
			// Of colours of 16 bits Pillow keeps the upper 8, in which the transparent one cannot be told.
			const left = chunks.filter(each => each !== chunk && !(deepColour && each.kind === 'tRNS')).map(each => bytes.subarray(each.at, each.end));
			const plain = new Uint8Array(8 + left.reduce((sum, part) => sum + part.length, 0));
			plain.set(bytes.subarray(0, 8));
			left.reduce((to, part) => { plain.set(part, to); return to + part.length; }, 8);
			return [at ? view(chunk.body).getUint16(...at) : orientationInXmp(bytes), plain];
		}
		const start = exifStart(bytes), at = start === null ? null : orientationAt(bytes, start);
		if (!at) return [orientationInXmp(bytes), bytes];
		const [place, little] = at, orientation = view(bytes).getUint16(place, little);
		view(bytes).setUint16(place, 1, little);
		return [orientation, bytes];
	}
	// Turn or mirror as EXIF's eight orientations say.
	function upright({ width, height, data }, orientation) {
		if (!(orientation > 1 && orientation < 9)) return { width, height, data };
		const turned = orientation > 4, columns = turned ? height : width, rows = turned ? width : height, out = new Uint8Array(data.length);
		const source = { 2: (x, y) => [width - 1 - x, y], 3: (x, y) => [width - 1 - x, height - 1 - y], 4: (x, y) => [x, height - 1 - y], 5: (x, y) => [y, x],
			6: (x, y) => [y, height - 1 - x], 7: (x, y) => [width - 1 - y, height - 1 - x], 8: (x, y) => [width - 1 - y, x] }[orientation];
		for (let y = 0, to = 0; y < rows; y++) {
			for (let x = 0; x < columns; x++) {
				const [column, row] = source(x, y);
				for (let channel = 0, from = (row * width + column) * 3; channel < 3; channel++) out[to++] = data[from++];
			}
		}
		return { width: columns, height: rows, data: out };
	}

	/* Grey of 16 bits, of which browsers keep the upper 8: scaled from the usual range that it is in. */
	const RANGES = [255, 1023, 4095, 16383, 65535];
	// Of an interlaced picture, seven smaller ones follow each other: first column and row, and steps across and down.
	const WHOLE = [[0, 0, 1, 1]], INTERLACED = [[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2]];
	async function deepGrey(bytes) {
		if (!PNG.every((byte, index) => bytes[index] === byte)) return null;
		const chunks = [...pngChunks(bytes)], header = chunks.find(({ kind }) => kind === 'IHDR')?.body;
		if (!header || header[8] !== 16 || header[9] !== 0 || header[12] > 1) return null;
		const width = view(header).getUint32(0), height = view(header).getUint32(4);
		const packed = new Blob(chunks.filter(({ kind }) => kind === 'IDAT').map(({ body }) => body)).stream();
		const lines = new Uint8Array(await new Response(packed.pipeThrough(new DecompressionStream('deflate'))).arrayBuffer());
		const grey = new Uint16Array(width * height);
		let at = 0;
		for (const [left, top, across, down] of header[12] ? INTERLACED : WHOLE) {
			const columns = Math.ceil((width - left) / across), rows = Math.ceil((height - top) / down);
			if (columns < 1 || rows < 1) continue; // of a small picture, some have no pixel, and no row
			const values = unfiltered(lines.subarray(at), 2 * columns, rows);
			at += (2 * columns + 1) * rows;
			for (let index = 0; index < columns * rows; index++) {
				const x = left + across * (index % columns), y = top + down * Math.floor(index / columns);
				grey[y * width + x] = values[2 * index] * 256 + values[2 * index + 1];
			}
		}
		const most = grey.reduce((high, value) => Math.max(high, value), 0), range = RANGES.find(bound => most <= bound), data = new Uint8Array(3 * grey.length);
		grey.forEach((value, index) => data.fill(rint(value * (255 / range)), 3 * index, 3 * index + 3));
		return { width, height, data };
	}
	// PNG's five filters, undone; `line` bytes a row, two a pixel.
	function unfiltered(lines, line, height) {
		const out = new Uint8Array(line * height);
		if (lines.length < (line + 1) * height) throw new RangeError('truncated');
		for (let y = 0; y < height; y++) {
			const kind = lines[y * (line + 1)];
			for (let x = 0; x < line; x++) {
				const at = y * line + x, left = x > 1 ? out[at - 2] : 0, up = y ? out[at - line] : 0, corner = x > 1 && y ? out[at - line - 2] : 0;
				const guess = left + up - corner, near = [left, up, corner].map(value => Math.abs(guess - value));
				const paeth = near[0] <= near[1] && near[0] <= near[2] ? left : near[1] <= near[2] ? up : corner;
				out[at] = lines[y * (line + 1) + 1 + x] + [0, left, up, (left + up) >> 1, paeth][kind];
			}
		}
		return out;
	}

	async function decoded(bytes) {
		const bitmap = await createImageBitmap(new Blob([bytes]), { colorSpaceConversion: 'none' });
		const { width, height } = bitmap, canvas = document.createElement('canvas');
		Object.assign(canvas, { width, height });
		const context = canvas.getContext('2d', { willReadFrequently: true });
		if (!context) throw new RangeError('too large');
		context.fillStyle = '#ffffff'; // which transparency lies on
		context.fillRect(0, 0, width, height);
		context.drawImage(bitmap, 0, 0);
		bitmap.close();
		const { data: rgba } = context.getImageData(0, 0, width, height), data = new Uint8Array(width * height * 3);
		for (let from = 0, to = 0; from < rgba.length; from += 4) { data[to++] = rgba[from]; data[to++] = rgba[from + 1]; data[to++] = rgba[from + 2]; }
		return { width, height, data };
	}

	async function open(blob) {
		const [orientation, bytes] = oriented(await blob.arrayBuffer());
		return upright(await deepGrey(bytes) ?? await decoded(bytes), orientation);
	}

	return { open, square, planes, cropOf, shownRegions, resample, shrink, FILTERS, rint };
})();

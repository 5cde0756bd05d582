/**
 * Scrolling through more rows than a browser can lay out: element heights end near 17 million pixels (Firefox), a folder with a
 * million entries needs 28. Up to the cap the list is laid out as it is; beyond, `top` is the place in the whole list and
 * `scrollTop` the place in the capped element. Small movements move both alike, so that a wheel notch stays a wheel notch; a
 * jump (dragging the scroll bar) is read as a share of the whole. Pure.
 */
export type TallShape = { readonly rowCount: number; readonly rowHeightPx: number; readonly viewportPx: number };
export type TallPlace = { readonly scrollTop: number; readonly top: number };

const capPx = 8_000_000;

export const wholeHeight = ({ rowCount, rowHeightPx }: TallShape): number => rowCount * rowHeightPx;
export const laidOutHeight = (shape: TallShape): number => Math.min(wholeHeight(shape), capPx);

const clamp = (value: number, most: number): number => Math.min(Math.max(value, 0), Math.max(most, 0));
const mostTop = (shape: TallShape): number => wholeHeight(shape) - shape.viewportPx;
const mostScroll = (shape: TallShape): number => laidOutHeight(shape) - shape.viewportPx;

/** Near both ends a pixel of the bar is a pixel of the list, so that the ends are reached as in any list. */
const endZonePx = 50_000;

const barFromTop = (shape: TallShape, top: number): number => {
	const whole = mostTop(shape);
	const bar = mostScroll(shape);
	if (top <= endZonePx) return top;
	if (top >= whole - endZonePx) return bar - (whole - top);
	return endZonePx + ((top - endZonePx) / (whole - 2 * endZonePx)) * (bar - 2 * endZonePx);
};
const topFromBar = (shape: TallShape, scrollTop: number): number => {
	const whole = mostTop(shape);
	const bar = mostScroll(shape);
	if (scrollTop <= endZonePx) return scrollTop;
	if (scrollTop >= bar - endZonePx) return whole - (bar - scrollTop);
	return endZonePx + ((scrollTop - endZonePx) / (bar - 2 * endZonePx)) * (whole - 2 * endZonePx);
};

/** The place that shows `top`, with the scroll bar where it belongs. */
export function placeAt(shape: TallShape, top: number): TallPlace {
	const at = clamp(top, mostTop(shape));
	return wholeHeight(shape) <= capPx ? { scrollTop: at, top: at } : { scrollTop: Math.round(barFromTop(shape, at)), top: at };
}

/** What the list shows after the browser has scrolled to `scrollTop`. If the answer's `scrollTop` differs, it has to be set. */
export function scrolled(shape: TallShape, place: TallPlace, scrollTop: number): TallPlace {
	if (wholeHeight(shape) <= capPx) return { scrollTop, top: clamp(scrollTop, mostTop(shape)) };
	const delta = scrollTop - place.scrollTop;
	if (Math.abs(delta) > shape.viewportPx * 2) return { scrollTop, top: clamp(topFromBar(shape, scrollTop), mostTop(shape)) };
	const top = place.top + delta;
	const isAtAnEnd = scrollTop <= 0 || scrollTop >= mostScroll(shape) || top <= 0 || top >= mostTop(shape);
	return isAtAnEnd ? placeAt(shape, top) : { scrollTop, top };
}

/** First and last row (inclusive) to be drawn; `last` is -1 for an empty list. */
export function rowsInView({ rowCount, rowHeightPx, viewportPx }: TallShape, top: number, overscan = 8): { readonly first: number; readonly last: number } {
	return {
		first: Math.max(0, Math.floor(top / rowHeightPx) - overscan),
		last: Math.min(rowCount - 1, Math.ceil((top + viewportPx) / rowHeightPx) + overscan),
	};
}

/** Where to scroll so that the row is wholly in view; the given `top` when it is already. */
export function topToShow(shape: TallShape, top: number, index: number): number {
	const start = index * shape.rowHeightPx;
	if (start < top) return start;
	if (start + shape.rowHeightPx > top + shape.viewportPx) return start + shape.rowHeightPx - shape.viewportPx;
	return top;
}

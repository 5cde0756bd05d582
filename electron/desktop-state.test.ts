import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { placeOnDisplays, readDesktopState, smallestSize, usualSize, writeDesktopState } from './desktop-state.ts';

const laptop = { x: 0, y: 0, width: 1440, height: 900 };
const besideIt = { x: 1440, y: 0, width: 1920, height: 1080 };

test('a window comes back where it was', () => {
	const place = { x: 1500, y: 40, width: 1200, height: 800 };
	assert.deepEqual(placeOnDisplays(place, [laptop, besideIt]), place);
});

test('a window on a display that is gone gets a new place and keeps its size', () => {
	assert.deepEqual(placeOnDisplays({ x: 1500, y: 40, width: 1200, height: 800 }, [laptop]), { width: 1200, height: 800 });
});

test('a window whose title bar is above or below every display gets a new place', () => {
	for (const y of [-500, 890]) assert.deepEqual(placeOnDisplays({ x: 10, y, width: 1200, height: 800 }, [laptop]), { width: 1200, height: 800 });
});

test('a window is never smaller than the console can be used, and has a usual size at first', () => {
	assert.deepEqual(placeOnDisplays({ x: 0, y: 0, width: 10, height: 10 }, [laptop]), { x: 0, y: 0, ...smallestSize });
	assert.deepEqual(placeOnDisplays(null, [laptop]), usualSize);
});

test('what was remembered is read again; a damaged or foreign file counts as nothing', async (t) => {
	const folder = await mkdtemp(join(tmpdir(), 'holdfast-desktop-'));
	t.after(() => rm(folder, { recursive: true }));
	const path = join(folder, 'desktop.json');
	const nothing = { window: null, trayExplained: false };
	assert.deepEqual(readDesktopState(path), nothing);
	const state = { window: { x: 1, y: 2, width: 1300, height: 700, isMaximised: true }, trayExplained: true };
	writeDesktopState(path, state);
	assert.deepEqual(readDesktopState(path), state);
	for (const text of ['{"window":', '[]', '{"window":{"x":"left"}}']) {
		await writeFile(path, text);
		assert.deepEqual(readDesktopState(path), nothing, text);
	}
});

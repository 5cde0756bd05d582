/** What the desktop remembers between starts: the window's place and which notices were shown. Losing it costs nothing. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { z } from 'zod';

const bounds = z.object({ x: z.number().int(), y: z.number().int(), width: z.number().int(), height: z.number().int() });
export type Bounds = z.infer<typeof bounds>;

const desktopState = z.object({
	window: bounds.extend({ isMaximised: z.boolean() }).nullable().default(null),
	/** The explanation that closing the window leaves the tray was shown. */
	trayExplained: z.boolean().default(false),
});
export type DesktopState = z.infer<typeof desktopState>;

export const smallestSize = { width: 1024, height: 640 } as const;
export const usualSize = { width: 1360, height: 860 } as const;

/** Unreadable or foreign content counts as nothing remembered. */
export function readDesktopState(path: string): DesktopState {
	try {
		return desktopState.parse(JSON.parse(readFileSync(path, 'utf8')));
	} catch {
		return desktopState.parse({});
	}
}

export function writeDesktopState(path: string, state: DesktopState): void {
	const temporary = `${path}.new`;
	writeFileSync(temporary, JSON.stringify(state));
	renameSync(temporary, path);
}

/**
 * Where the window opens: where it was, if that place can still be reached. A window whose title bar lies on no display (a
 * monitor was unplugged) is given up, and the system places a new one.
 */
export function placeOnDisplays(remembered: Bounds | null, displays: readonly Bounds[]): Partial<Bounds> & { width: number; height: number } {
	if (!remembered) return usualSize;
	const width = Math.max(remembered.width, smallestSize.width);
	const height = Math.max(remembered.height, smallestSize.height);
	const isReachable = displays.some(
		(area) =>
			remembered.x + width - reachPx >= area.x &&
			remembered.x + reachPx <= area.x + area.width &&
			remembered.y >= area.y &&
			remembered.y + titleBarPx <= area.y + area.height,
	);
	return isReachable ? { x: remembered.x, y: remembered.y, width, height } : { width, height };
}

/** So much of the title bar must be visible to take hold of it. */
const reachPx = 120;
const titleBarPx = 32;

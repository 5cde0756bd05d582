import { type ErrorShape, errorShape } from '../engine/contract/index.ts';

/** What an engine's error says to people, whichever way it came here. */
export function shapeOf(error: unknown): ErrorShape | null {
	if (typeof error !== 'object' || error === null || !('shape' in error)) return null;
	const direct = errorShape.safeParse(error.shape);
	if (direct.success) return direct.data as ErrorShape;
	const remote = (error.shape as { data?: { engine?: unknown } } | null | undefined)?.data?.engine;
	const parsed = errorShape.safeParse(remote);
	return parsed.success ? (parsed.data as ErrorShape) : null;
}

export const readableShape = (error: unknown): ErrorShape =>
	shapeOf(error) ?? { code: 'internal', message: error instanceof Error ? error.message : String(error) };

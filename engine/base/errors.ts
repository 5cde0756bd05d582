import type { ErrorCode, ErrorShape } from '../contract/index.ts';

export type ErrorDetail = {
	readonly hint?: string | undefined;
	readonly data?: Readonly<Record<string, unknown>> | undefined;
	readonly cause?: unknown;
};

/** An expected failure: it has a code that scripts know, and words that an administrator understands. */
export class EngineError extends Error {
	override readonly name = 'EngineError';
	readonly code: ErrorCode;
	readonly hint: string | undefined;
	readonly data: Readonly<Record<string, unknown>> | undefined;

	constructor(code: ErrorCode, message: string, detail: ErrorDetail = {}) {
		super(message, { cause: detail.cause });
		this.code = code;
		this.hint = detail.hint;
		this.data = detail.data;
	}

	/** How it crosses a border (see `CarriesErrorShape` in the contract). */
	get shape(): ErrorShape {
		return { code: this.code, message: this.message, hint: this.hint, data: this.data };
	}

	static from(shape: ErrorShape): EngineError {
		return new EngineError(shape.code, shape.message, { hint: shape.hint, data: shape.data });
	}
}

export const isEngineError = (error: unknown, code?: ErrorCode): error is EngineError =>
	error instanceof EngineError && (code === undefined || error.code === code);

/** The `code` of a system error (`ENOENT`, `EACCES` …), if it is one. */
export const systemErrorCode = (error: unknown): string | undefined =>
	error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;

/** Anything thrown, as a shape: an engine error as it is, an abort as `cancelled`, the rest as a defect. */
export function toErrorShape(error: unknown): ErrorShape {
	if (error instanceof EngineError) return error.shape;
	if (error instanceof Error && error.name === 'AbortError') return { code: 'cancelled', message: 'Cancelled.' };
	const message = error instanceof Error ? error.message : String(error);
	return { code: 'internal', message, hint: 'This is a defect in Holdfast. The log of the engine has the details.' };
}

export function assert(condition: unknown, message: string): asserts condition {
	if (!condition) throw new Error(`Defect: ${message}`);
}

export function assertNever(value: never): never {
	throw new Error(`Defect: unexpected ${JSON.stringify(value)}`);
}

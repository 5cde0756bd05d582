import { TRPCClientError } from '@trpc/client';
import { CommanderError } from 'commander';
import { toErrorShape } from '../base/index.ts';
import { type ErrorShape, errorShape } from '../contract/index.ts';

/** Where a field of the contract comes from on the command line: an administrator knows the option, not the field. */
const optionOfField: Readonly<Record<string, string>> = {
	name: 'NAME',
	description: '--description',
	sources: '--source',
	exclude: '--exclude',
	databases: '--database',
	repositoryId: '--repository',
	method: '--method',
	retainPoints: '--retain',
	activeFull: '--active-full',
	syntheticFull: '--synthetic-full',
	differential: '--differential',
	storeUnused: '--store-unused',
	retainDays: '--retain-days',
	gfs: '--gfs',
	blockSize: '--block-size',
	compression: '--compression',
	schedule: '--schedule',
	cron: '--schedule',
	timeZone: '--time-zone',
	retryCount: '--retries',
	retryWaitMs: '--retry-wait',
	recoveryPointObjectiveMs: '--objective',
	path: '--path',
	maxTasks: '--max-tasks',
	readLimit: '--read-limit',
	writeLimit: '--write-limit',
	full: '--full',
	point: 'POINT',
	paths: 'PATH',
	disk: '--disk',
	to: '--to',
	from: '--from',
	bytesPerSec: '--limit',
	windows: '--window',
	overwrite: '--overwrite',
	listen: '--listen',
};

/** Anything that a command may fail with, as the shape that is printed. */
export function problemOf(error: unknown): ErrorShape {
	if (error instanceof TRPCClientError) {
		const engine = errorShape.safeParse(error.data?.engine);
		if (engine.success) return withOption(engine.data);
		return { code: 'connection.lost', message: `The connection to the engine was lost (${error.message}).`, hint: 'See whether the server is still running.' };
	}
	if (error instanceof CommanderError) {
		if (error.code === 'commander.help') return { code: 'usage.invalid', message: 'A command is missing.', hint: 'See the list above, or "holdfast --help".' };
		return {
			code: 'usage.invalid',
			message: error.message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' '),
			hint: 'See "holdfast --help", or "holdfast COMMAND --help".',
		};
	}
	return withOption(toErrorShape(error));
}

/** The message of a usage error names the option that is to blame. */
function withOption(shape: ErrorShape): ErrorShape {
	const field = shape.data?.field;
	if (!shape.code.startsWith('usage.') || typeof field !== 'string') return shape;
	const option = optionOfField[field.replace(/^settings\./, '').split('.')[0] ?? ''];
	if (option === undefined) return shape;
	const message = shape.message.startsWith(`${field}: `) ? shape.message.slice(field.length + 2) : shape.message;
	return message.includes(option) ? shape : { ...shape, message: `${option}: ${message}` };
}

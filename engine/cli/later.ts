/** Wishes that the product knows and this version cannot fulfil: they get a clear answer instead of "unknown option". */
import { type Command, Option } from 'commander';
import { EngineError } from '../base/index.ts';

const unsupported = (what: string): EngineError =>
	new EngineError('usage.unsupported', `${what} is not available in this version of Holdfast.`, { hint: 'See "holdfast --help" for what is.' });

/** Options by their flags (`--gfs <rule>`), refused when they are given. */
export function addLaterOptions(command: Command, flags: readonly string[]): void {
	for (const flag of flags) {
		command.addOption(
			new Option(flag).hideHelp().argParser((): never => {
				throw unsupported(flag.split(' ')[0] ?? flag);
			}),
		);
	}
	// Flags without a value have no parser that could refuse them.
	command.hook('preAction', (_program, action) => {
		for (const option of action.options) {
			if (!option.required && !option.optional && flags.includes(option.flags) && action.getOptionValue(option.attributeName()) !== undefined)
				throw unsupported(option.flags);
		}
	});
}

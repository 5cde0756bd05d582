import type { Command } from 'commander';

/** Ends the help of a command with an example that can be copied. */
export const withExample = (command: Command, ...lines: readonly string[]): Command =>
	command.addHelpText('after', `\nExample${lines.length === 1 ? '' : 's'}:\n${lines.map((line) => `  $ holdfast ${line}`).join('\n')}`);

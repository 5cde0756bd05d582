/** What a command gets, and how it is run: from the parsed options to the exit code. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { type Clock, EngineError } from '../base/index.ts';
import type { ErrorShape } from '../contract/index.ts';
import { tokenPath } from '../server/index.ts';
import type { Announcement } from './background.ts';
import { type Client, type Connection, connectToDataFolder, connectToServer, type OpenEngine } from './connection.ts';
import { type ExitCode, exitCode, exitCodeOfError } from './exit-code.ts';
import { Interrupts } from './interrupt.ts';
import { Output, type Streams } from './output.ts';
import { parseServerUrl } from './parse.ts';
import { problemOf } from './problem.ts';

/** What the process around the command line gives it. */
export type Surroundings = Streams & {
	readonly openEngine: OpenEngine;
	readonly environment: Readonly<Record<string, string | undefined>>;
	readonly workingFolder: string;
	readonly clock: Clock;
	/** The built console. */
	readonly rendererFolder: string;
	/** The file that starts the program, for a process of its own in the background. */
	readonly program: string;
	/** Tells the process that started this one, if it listens. */
	announce(message: Announcement): void;
};

export type GlobalOptions = { readonly data?: string; readonly server?: string; readonly tokenFile?: string; readonly json?: boolean };

/** `isForBackup`: what a backup needs is loaded at once. */
export type ConnectWishes = { readonly isForBackup?: boolean };

export type CommandContext = {
	readonly surroundings: Surroundings;
	readonly output: Output;
	readonly interrupts: Interrupts;
	/** Of the options; what the engine holds may be elsewhere when `--server` is given. */
	readonly dataFolder: string;
	/** The engine, opened or reached at the first call and let go of when the command has ended. */
	connect(wishes?: ConnectWishes): Promise<Connection>;
	/** Lets go of the engine early. */
	disconnect(): Promise<void>;
	/** `connect`, and only the client of it. */
	client(): Promise<Client>;
};

export type CommandBody = (context: CommandContext) => Promise<ExitCode | undefined>;

export class CommandLine {
	readonly surroundings: Surroundings;
	exitCode: ExitCode = exitCode.success;

	constructor(surroundings: Surroundings) {
		this.surroundings = surroundings;
	}

	/** Runs the body of a command; its problems are printed here and nowhere else. */
	run(command: Command, body: CommandBody): Promise<void> {
		return this.#runOnce(command, body, () => false);
	}

	/**
	 * Runs a command that changes nothing. Its engine may be that of another command, which ends while we ask: then the
	 * data folder is free, and we look again there. What `--server` names is either there or it is not.
	 */
	async read(command: Command, body: CommandBody): Promise<void> {
		const isPassing = command.optsWithGlobals<GlobalOptions>().server === undefined;
		let isLost: boolean;
		do {
			isLost = false;
			await this.#runOnce(command, body, ({ code }) => {
				isLost = isPassing && code === 'connection.lost';
				return isLost;
			});
		} while (isLost);
	}

	/** `isPassedOver`: true for a problem that the caller deals with instead of the user. */
	async #runOnce(command: Command, body: CommandBody, isPassedOver: (problem: ErrorShape) => boolean): Promise<void> {
		const options = command.optsWithGlobals<GlobalOptions>();
		const output = new Output(this.surroundings, options.json ?? false);
		using interrupts = new Interrupts();
		let connection: Promise<Connection> | undefined;
		const connect = (wishes: ConnectWishes = {}): Promise<Connection> => {
			connection ??= this.#connect(options, dataFolder, wishes).then((opened) => {
				opened.lost.catch((error) => lose(error));
				return opened;
			});
			return connection;
		};
		const disconnect = async (): Promise<void> => {
			const opened = await connection?.catch(() => undefined);
			connection = undefined;
			await opened?.[Symbol.asyncDispose]();
		};
		const { promise: lost, reject: lose } = Promise.withResolvers<never>();
		lost.catch(() => undefined);
		const dataFolder = await this.#dataFolder(options);
		const context: CommandContext = {
			surroundings: this.surroundings,
			output,
			interrupts,
			dataFolder,
			connect,
			disconnect,
			client: async () => (await connect()).client,
		};
		try {
			this.exitCode = (await Promise.race([body(context), interrupts.rejection, lost])) ?? exitCode.success;
		} catch (error) {
			const problem = problemOf(error);
			if (isPassedOver(problem)) return;
			output.failure(problem);
			this.exitCode = exitCodeOfError(problem);
		} finally {
			await disconnect();
		}
	}

	async #dataFolder({ data }: GlobalOptions): Promise<string> {
		if (data !== undefined) return resolve(this.surroundings.workingFolder, data);
		const { defaultDataFolder } = await import('../platform/index.ts'); // not loaded for help and wrong usage
		return defaultDataFolder(this.surroundings.environment);
	}

	async #connect(options: GlobalOptions, dataFolder: string, wishes: ConnectWishes): Promise<Connection> {
		if (options.server === undefined) {
			if (options.tokenFile !== undefined)
				throw new EngineError('usage.invalid', '--token-file: it belongs to --server.', { hint: 'Without --server the data folder holds the token.' });
			return connectToDataFolder(dataFolder, { ...this.surroundings, ...wishes });
		}
		if (options.data !== undefined)
			throw new EngineError('usage.conflict', '--server and --data exclude each other.', { hint: 'A server has its own data folder.' });
		const tokenFile = options.tokenFile === undefined ? tokenPath(dataFolder) : resolve(this.surroundings.workingFolder, options.tokenFile);
		return connectToServer(parseServerUrl(options.server), tokenFile);
	}
}

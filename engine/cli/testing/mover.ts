/** For tests only: a data mover as a process of its own, paired with a backup server. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { BadProxy, type Trouble } from '../../mover/wire/testing.ts';
import { makePlace, makeServedPlace, type Place, type Started, type Succeed, succeeding } from './program.ts';

export type StartedMover = Started & { readonly address: string };

export async function startMover(
	place: Pick<Place, 'root' | 'start'>,
	name: string,
	{ listen = '127.0.0.1:0', pair }: { readonly listen?: string; readonly pair?: string } = {},
): Promise<StartedMover> {
	const mover = place.start('--data', join(place.root, name), 'mover', 'start', '--listen', listen, ...(pair === undefined ? [] : ['--pair', pair]));
	const [, address = ''] = await Promise.race([
		mover.stdout.hear(/listens on (\S+)/),
		mover.ended.then(({ stderr }): never => assert.fail(`the data mover did not start: ${stderr}`)),
	]);
	return { ...mover, address };
}

type AddOptions = { readonly listen?: string; readonly addressOf?: (mover: StartedMover) => Promise<string> };

/** A machine that may hold repositories. */
export async function addMachine(
	server: Pick<Place, 'json'>,
	far: Pick<Place, 'root' | 'start'>,
	name: string,
	{ listen, addressOf = async ({ address }) => address }: AddOptions = {},
): Promise<StartedMover> {
	const ok = succeeding(server);
	const { token } = await ok('machine', 'token');
	const mover = await startMover(far, name.toLowerCase(), { pair: token, ...(listen !== undefined && { listen }) });
	await ok('machine', 'add', name, '--address', await addressOf(mover), '--token', token, '--role', 'repository');
	return mover;
}

/** A backup server, and a machine with a data mover of its own. */
export type Sites = {
	readonly server: Omit<Place, 'start'>;
	/** The machine Vault. */
	readonly far: Place;
	readonly mover: StartedMover;
	readonly ok: Succeed;
};

export async function openSites(t: TestContext): Promise<Sites> {
	const far = await makePlace(t);
	const server = await makeServedPlace(t);
	const mover = await addMachine(server, far, 'Vault');
	return { server, far, mover, ok: succeeding(server) };
}

/** The same, with all that the backup server and Vault say to each other going through the proxy. */
export async function openSitesApart(t: TestContext, trouble: Trouble): Promise<Sites & { readonly proxy: BadProxy }> {
	const far = await makePlace(t);
	const server = await makeServedPlace(t);
	let proxy: BadProxy | undefined;
	const mover = await addMachine(server, far, 'Vault', {
		async addressOf({ address }) {
			proxy = await BadProxy.open(t, Number(address.split(':').at(-1)), trouble);
			return `127.0.0.1:${proxy.port}`;
		},
	});
	assert.ok(proxy);
	return { server, far, mover, proxy, ok: succeeding(server) };
}

/** Backup files, their metadata, and what is being written, below a folder. */
export const backupFilesIn = (folder: string): string[] =>
	(readdirSync(folder, { recursive: true }) as string[]).filter((name) => /\.(h[birm]+[kbm]|part)$/.test(name)).sort();

/** What others do goes on meanwhile: a test that only looks must not take the processor from what it looks at. */
export const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 10));

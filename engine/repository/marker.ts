/** What tells a repository from the empty mount point of its disk or share, and from every other repository. */
import { randomBytes } from 'node:crypto';
import { EngineError, isEngineError } from '../base/index.ts';
import { LocalFolder } from './storage/local-folder.ts';
import type { Storage } from './storage/storage.ts';

/** Lies in every repository: where it is missing, and with it all chains, the disk is not mounted and its mount point is what is seen. */
export const markerName = '.holdfast-repository';
const markerText = 'This folder is a repository of Holdfast. Leave this file here: it tells the repository from the empty mount point of its disk.\n';
const identityLine = /^Identity: ([0-9a-f]{32})$/m;
/** A marker is a sentence and a line; what is longer was put there by somebody else, and only its beginning is looked at. */
const maxMarkerBytes = 4096;

/** Chance, 32 hexadecimal digits, and the same from wherever the repository is seen. Null: a marker from before there were identities. */
export type Marker = { readonly identity: string | null };

/**
 * The marker is opened and read, never looked for in a listing: opening asks the server of a share, listings may be what a client remembers.
 * @returns null: there is none @throws `repository.*`
 */
async function readMarker(storage: Storage): Promise<Marker | null> {
	try {
		await using file = await storage.open(markerName, 'read');
		const bytes = Buffer.alloc(maxMarkerBytes);
		const text = bytes.toString('utf8', 0, await file.read(bytes, 0));
		return { identity: identityLine.exec(text)?.[1] ?? null };
	} catch (error) {
		if (isEngineError(error, 'not-found.path')) return null;
		throw error;
	}
}

/** As `readMarker`; one that this account may not read is there, and has no identity for it. @throws `repository.*` */
export const findMarker = (storage: Storage): Promise<Marker | null> =>
	readMarker(storage).catch((error: unknown) => {
		if (isEngineError(error, 'repository.not-writable')) return { identity: null };
		throw error;
	});

/** Writes the marker, unless it has an identity already. @returns the identity @throws `repository.*` */
export async function markRepository(storage: Storage): Promise<string> {
	for (let attempt = 0; attempt < writeAttempts; attempt++) {
		const present = (await findMarker(storage))?.identity;
		if (present != null) return present; // also of somebody who was faster
		await storage.replace(markerName, Buffer.from(markerWith(randomBytes(16).toString('hex')))).catch((error: unknown) => {
			if (!isEngineError(error, 'not-found.path')) throw error; // a clean-up took it for a leftover
		});
	}
	throw new EngineError('repository.io', `The file ${markerName} in ${storage.properties.place} is not read as it was written.`, {
		hint: 'Choose another disk or share; this one cannot be trusted.',
	});
}
const writeAttempts = 4;

export const markerWith = (identity: string): string => `${markerText}Identity: ${identity}\n`;

/** What a death leaves that came while a marker was written: `<marker>.<chance>.tmp`, directly below the repository. */
export const isLeftOfMarking = (name: string): boolean => name.startsWith(`${markerName}.`) && /^[0-9a-f]{12}\.tmp$/.test(name.slice(markerName.length + 1));

/** Looks, and touches nothing. @throws `repository.unreachable` where there is no folder, or none that was marked */
export async function requireMarked(repositoryPath: string): Promise<Marker> {
	const marker = await readMarker(new LocalFolder(repositoryPath)).catch((error: unknown) => {
		if (isEngineError(error, 'repository.unreachable')) return null;
		throw error;
	});
	if (marker !== null) return marker;
	throw new EngineError('repository.unreachable', `${repositoryPath} is not the repository here: its file ${markerName} is not there.`, {
		hint: 'Mount the share that holds it at this path.',
	});
}

/** Looks, and touches nothing. @throws `repository.unreachable` unless the folder is the repository with this identity, `repository.*` */
export async function requireIdentity(repositoryPath: string, identity: string): Promise<void> {
	if ((await requireMarked(repositoryPath)).identity === identity) return;
	throw new EngineError('repository.unreachable', `${repositoryPath} is another repository here: its file ${markerName} has another identity.`, {
		hint: 'Mount the share that holds the repository at this path.',
	});
}

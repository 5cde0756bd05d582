import type { X509Certificate } from 'node:crypto';
import { availableParallelism, hostname, totalmem } from 'node:os';
import { createServer, type TLSSocket } from 'node:tls';
import { type Clock, EngineError, isEngineError, type Log, systemErrorCode, toErrorShape } from '../base/index.ts';
import type { HostType, MachineStatus } from '../contract/index.ts';
import type { Platform } from '../platform/index.ts';
import { type Look, lookAtTargets } from '../restore/index.ts';
import type { Volumes } from '../snapshot/index.ts';
import type { HypervisorControl } from '../source/index.ts';
import { canConnect } from './can-connect.ts';
import { commonName, expiryOf, fingerprintOf, hasIssued, parseCertificate, peerIdOf, selfSigned } from './certificates.ts';
import {
	alpn,
	type ControlAnswer,
	type ControlQuestion,
	controlQuestion,
	controlVersion,
	greeting,
	pairingGift,
	pairingOffer,
	refuseOtherVersion,
} from './control-words.ts';
import { holdRepository, letRepositoryGo } from './held-repositories.ts';
import { answerHostQuestion, isHostQuestion } from './host-questions.ts';
import { LineChannel } from './line-channel.ts';
import { listPlaces } from './list-places.ts';
import { lookAtSource, requireSource } from './look-at-source.ts';
import type { Membership, MoverFolder } from './mover-folder.ts';
import { isPairingProof, type PairingToken, pairingChannel, pairingProof } from './pairing-token.ts';
import { realPathOf } from './paths.ts';

export type MoverOptions = {
	readonly folder: MoverFolder;
	readonly listen: { readonly host: string; readonly port: number };
	/** Pairs this mover with the backup server that has made it. */
	readonly token: PairingToken | null;
	readonly product: string;
	readonly platform: Platform;
	readonly clock: Clock;
	readonly log: Log;
	/** Hypervisor hosts of this machine. */
	readonly openHypervisor: Readonly<Record<HostType, (uri: string) => HypervisorControl>>;
	/** Of this machine. */
	readonly volumes: Pick<Volumes, 'rescan' | 'change'>;
	/** Adds up what lies on this machine, in a thread of its own. */
	readonly measure: Look['measure'];
	/** Takes over a connection for data of another machine of the same backup server, or of the server itself, known by `peerId`. */
	readonly acceptData?: ((socket: TLSSocket, peerId: string) => void) | undefined;
	/** For tests. */
	readonly version?: number | undefined;
};

/** A data mover that listens. */
export interface MoverHost extends AsyncDisposable {
	readonly address: string;
	/** Resolves when this mover belongs to a backup server. */
	readonly paired: Promise<Membership>;
	/** Resolves when its backup server has let it go. */
	readonly dismissed: Promise<void>;
}

const handshakeMs = 20_000;
/** Of a control connection, until it says something. */
const silenceMs = 60_000;
/** Those of one backup server and the tasks of its machines; more is an attack or a defect. */
const maxConnections = 1000;

/**
 * `auth.required` when it belongs to nobody and has no token, `usage.conflict` when it belongs to somebody and has one, `usage.invalid` when it
 * cannot listen there.
 */
export async function startMover(options: MoverOptions): Promise<MoverHost> {
	const { folder, token, clock, listen, log } = options;
	if (folder.membership === null && token === null)
		throw new EngineError('auth.required', 'This data mover does not belong to a backup server yet.', {
			hint: 'Print a token with "holdfast machine token" there, and start the data mover with --pair TOKEN.',
		});
	if (folder.membership !== null && token !== null)
		throw new EngineError('usage.conflict', `This data mover belongs to the backup server ${folder.membership.serverName} already.`, {
			hint: `Start it without --pair. To give it to another backup server, remove the machine there, or remove ${folder.path}.`,
			data: { field: 'pair' },
		});
	if (token !== null && token.expiresAt < clock.now()) throw tokenExpired();
	const unpaired = folder.membership === null ? await selfSigned(clock.now()) : null;
	const paired = Promise.withResolvers<Membership>();
	const dismissed = Promise.withResolvers<void>();
	if (folder.membership !== null) paired.resolve(folder.membership);
	const mover = new Mover(options, unpaired?.key ?? '', { paired: paired.resolve, dismissed: dismissed.resolve });
	const server = createServer(
		{
			...identityFor(folder.membership ?? unpaired),
			minVersion: 'TLSv1.3',
			requestCert: true,
			// who may come in is decided below, with words for who may not
			rejectUnauthorized: false,
			ALPNProtocols: Object.values(alpn),
			handshakeTimeout: handshakeMs,
		},
		(socket) => void mover.accept(socket),
	);
	server.maxConnections = maxConnections;
	server.on('tlsClientError', (error) => log.debug({ err: error }, 'A connection was not TLS 1.3.'));
	mover.onIdentity = (membership) => server.setSecureContext({ ...identityFor(membership), minVersion: 'TLSv1.3' });
	await new Promise<void>((resolve, reject) => {
		server.once('error', (cause) =>
			reject(
				new EngineError('usage.invalid', `The data mover cannot listen on ${listen.host}:${listen.port} (${systemErrorCode(cause) ?? cause.message}).`, {
					hint: 'Choose another address or port with --listen, or end what listens there.',
					data: { field: 'listen' },
					cause,
				}),
			),
		);
		server.listen(listen.port, listen.host, resolve);
	});
	const bound = server.address();
	const port = typeof bound === 'object' && bound !== null ? bound.port : listen.port;
	return {
		address: `${listen.host.includes(':') ? `[${listen.host}]` : listen.host}:${port}`,
		paired: paired.promise,
		dismissed: dismissed.promise,
		async [Symbol.asyncDispose]() {
			const closed = new Promise((resolve) => server.close(resolve));
			mover.closeConnections();
			await closed;
		},
	};
}

const identityFor = (identity: { readonly certificate: string; readonly key: string } | null) =>
	identity ? { cert: identity.certificate, key: identity.key } : {};

const tokenExpired = (): EngineError =>
	new EngineError('auth.refused', 'The pairing token has expired.', {
		hint: 'Print a new one with "holdfast machine token" on the backup server. If it is new, set the clocks right.',
	});

class Mover {
	readonly #options: MoverOptions;
	readonly #on: { paired(membership: Membership): void; dismissed(): void };
	readonly #sockets = new Set<TLSSocket>();
	readonly #startedAt: number;
	readonly #unpairedKey: string;
	/** A token is good for one pairing: there is one at a time. */
	#isPairing = false;
	onIdentity: (membership: Membership) => void = () => undefined;

	/** @param unpairedKey of the certificate that it presents until it is paired */
	constructor(options: MoverOptions, unpairedKey: string, on: { paired(membership: Membership): void; dismissed(): void }) {
		this.#options = options;
		this.#unpairedKey = unpairedKey;
		this.#on = on;
		this.#startedAt = options.clock.now();
	}

	/** Never throws: what is not right is told to the other side, written to the log, and closed. */
	async accept(socket: TLSSocket): Promise<void> {
		const { log } = this.#options;
		this.#sockets.add(socket);
		socket.once('close', () => this.#sockets.delete(socket));
		socket.on('error', () => undefined); // who waits for it hears; otherwise it does not matter what a connection dies of
		const address = socket.remoteAddress ?? 'somebody';
		if (socket.alpnProtocol !== alpn.pairing && socket.alpnProtocol !== alpn.control) {
			try {
				const peerId = this.#peerIdOf(socket.getPeerX509Certificate());
				if (this.#options.acceptData === undefined) throw new EngineError('connection.refused', 'It does not carry data.');
				this.#options.acceptData(socket, peerId);
			} catch (error) {
				log.warn({ address, error: toErrorShape(error) }, 'A data connection was refused.');
				socket.destroy();
			}
			return;
		}
		const channel = new LineChannel(socket, address, silenceMs);
		try {
			await this.#greet(channel);
			if (socket.alpnProtocol === alpn.pairing) await this.#pair(channel);
			else await this.#serve(channel);
			socket.end();
		} catch (error) {
			if (!isEngineError(error)) log.error({ err: error, address }, 'A connection failed.');
			else if (error.code !== 'connection.lost') log.warn({ address, error: error.shape }, 'A connection was refused.');
			channel.fail(error);
		}
	}

	closeConnections(): void {
		for (const socket of this.#sockets) socket.destroy();
	}

	async #greet(channel: LineChannel): Promise<void> {
		const ours = { version: this.#options.version ?? controlVersion, product: this.#options.product };
		channel.send(ours);
		refuseOtherVersion(ours, await channel.receive(greeting), channel.peer);
	}

	#peerIdOf(certificate: X509Certificate | undefined): string {
		const { folder, clock } = this.#options;
		if (folder.membership === null)
			throw new EngineError('auth.refused', 'This data mover does not belong to a backup server yet.', { hint: 'Pair it with "holdfast machine add".' });
		return peerIdOf(certificate, { authority: folder.membership.authority, now: clock.now() });
	}

	async #pair(channel: LineChannel): Promise<void> {
		const { folder, token, clock } = this.#options;
		const refuse = (message: string, hint: string): EngineError => new EngineError('auth.refused', message, { hint });
		if (token === null || folder.membership !== null)
			throw refuse('This data mover belongs to a backup server already.', 'Remove it there, or start it with a new token and an empty folder.');
		if (token.expiresAt < clock.now()) throw tokenExpired();
		const offer = await channel.receive(pairingOffer);
		const keying = pairingChannel(channel.socket);
		const authority = parseCertificate(offer.authority);
		const server = channel.socket.getPeerX509Certificate();
		if (authority === undefined || server === undefined || fingerprintOf(authority) !== token.fingerprint || !hasIssued(offer.authority, server))
			throw refuse(
				'This is not the backup server that has made the token of this data mover.',
				'Use a token of the same backup server on both sides. If you did, somebody is in between: look at the network.',
			);
		peerIdOf(server, { authority: offer.authority, now: clock.now() });
		if (offer.tokenId !== token.id || !isPairingProof(offer.proof, token.secret, 'server', keying))
			throw refuse('The data mover was started with another token.', 'Start it with --pair and the token that is given to "machine add".');
		if (this.#isPairing) throw refuse('The data mover is being paired at this moment.', 'Wait a moment.');
		this.#isPairing = true;
		try {
			channel.send({ proof: pairingProof(token.secret, 'mover', keying) });
			const gift = await channel.receive(pairingGift);
			const own = channel.socket.getX509Certificate();
			const issued = parseCertificate(gift.certificate);
			if (own === undefined || issued === undefined || !issued.publicKey.equals(own.publicKey))
				throw new EngineError('connection.refused', 'The certificate is not for the key of this data mover.');
			const isOurs = peerIdOf(issued, { authority: offer.authority, now: clock.now() }) === gift.id;
			if (!isOurs) throw new EngineError('connection.refused', 'The certificate is not for this data mover.');
			const membership: Membership = {
				id: gift.id,
				certificate: gift.certificate,
				key: this.#unpairedKey,
				authority: offer.authority,
				serverId: commonName(server),
				serverName: offer.serverName,
				repositories: [],
			};
			await folder.join(membership);
			this.onIdentity(membership);
			channel.send({ done: true });
			this.#on.paired(membership);
		} finally {
			this.#isPairing = false;
		}
	}

	async #serve(channel: LineChannel): Promise<void> {
		const peerId = this.#peerIdOf(channel.socket.getPeerX509Certificate());
		if (peerId !== this.#options.folder.membership?.serverId)
			throw new EngineError('auth.refused', 'Only the backup server that it belongs to may command this data mover.');
		const question = await channel.receive(controlQuestion);
		const gone = new AbortController();
		channel.socket.once('close', () => gone.abort());
		channel.send({ answer: await this.#answer(question, gone.signal) });
		if (question.ask === 'forget') this.#on.dismissed();
	}

	/** @param signal whoever asked is gone */
	async #answer(question: ControlQuestion, signal: AbortSignal): Promise<ControlAnswer<ControlQuestion['ask']>> {
		const { folder, platform, clock, openHypervisor, measure, volumes } = this.#options;
		if (isHostQuestion(question)) return answerHostQuestion(question, openHypervisor[question.host.type](question.host.uri), { signal });
		switch (question.ask) {
			case 'status':
				return this.#status();
			case 'places':
				return listPlaces(platform, question.path);
			case 'source':
				return lookAtSource(question.source);
			case 'measure':
				await requireSource(question.source);
				return measure({ source: question.source, exclude: [], deadlineMs: question.deadlineMs }, { signal });
			case 'volumes':
				return { volumes: [...(await volumes.rescan())] };
			case 'changeVolume':
				return { volume: await volumes.change(question.change) };
			case 'reach':
				return { reached: await Promise.all(question.addresses.map(canConnect)) };
			case 'targets':
				return { targets: [...lookAtTargets(question.paths)] };
			case 'hold':
				await holdRepository(folder, question.path, question);
				return { done: true, medium: platform.disks.mediumOf(await realPathOf(question.path)) };
			case 'medium':
				return { medium: platform.disks.mediumOf(await realPathOf(question.path)) };
			case 'letGo':
				await letRepositoryGo(folder, question.path);
				return { done: true };
			case 'renew': {
				const { membership } = folder;
				const issued = parseCertificate(question.certificate);
				const isOurs =
					membership !== null &&
					issued !== undefined &&
					peerIdOf(issued, { authority: membership.authority, now: clock.now() }) === membership.id &&
					issued.publicKey.equals(parseCertificate(membership.certificate)?.publicKey ?? issued.publicKey);
				if (!isOurs) throw new EngineError('connection.refused', 'The certificate is not for this data mover.');
				const next = { ...membership, certificate: question.certificate };
				await folder.join(next);
				this.onIdentity(next);
				return { done: true };
			}
			case 'forget':
				await folder.leave();
				return { done: true };
		}
	}

	async #status(): Promise<MachineStatus> {
		const { platform, product, folder } = this.#options;
		return {
			hostName: hostname(),
			version: product,
			platform: process.platform,
			processors: availableParallelism(),
			memoryBytes: totalmem(),
			startedAt: this.#startedAt,
			certificateExpiresAt: folder.membership ? expiryOf(folder.membership.certificate) : 0,
			volumes: (await platform.disks.volumes())
				.map(({ mountPoint, sizeBytes, freeBytes, readOnly }) => ({ path: mountPoint, sizeBytes, freeBytes, readOnly }))
				.slice(0, 1000),
			disks: platform.disks
				.blockDevices()
				.map(({ path, sizeBytes, model }) => ({ path, sizeBytes, model }))
				.slice(0, 1000),
		};
	}
}

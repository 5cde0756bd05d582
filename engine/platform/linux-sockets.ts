import { constants as os } from 'node:os';
import koffi from 'koffi';
import type { SocketAddress, SocketPort } from './port.ts';
import { systemError } from './system-error.ts';

// Numbers of the generic Linux ABI, and of netdb.h
const afUnix = 1;
const sockStream = 1;
const sockCloseOnExec = 0x8_0000;
const solSocket = 1;
const soReceiveTimeout = 20;
const soSendTimeout = 21;
const protocolTcp = 6;
const tcpNoDelay = 1;
const eaiSystem = -11;
/** Length of the path in sockaddr_un, its NUL included. */
const unixPathMax = 108;

type Library = ReturnType<typeof koffi.load>;
type AddressInfo = {
	readonly family: number;
	readonly type: number;
	readonly protocol: number;
	readonly length: number;
	readonly address: unknown;
	readonly next: unknown;
};

export class LinuxSockets implements SocketPort {
	readonly #socket: (family: number, type: number, protocol: number) => number;
	readonly #connect: (fd: number, address: unknown, length: number) => number;
	readonly #close: (fd: number) => number;
	readonly #setOption: (fd: number, level: number, option: number, value: Buffer, length: number) => number;
	readonly #getAddressInfo: (host: string, service: string, hints: Buffer, result: [unknown]) => number;
	readonly #freeAddressInfo: (result: unknown) => void;
	readonly #lookUpWords: (error: number) => string;
	readonly #addressInfo = koffi.struct({
		flags: 'int',
		family: 'int',
		type: 'int',
		protocol: 'int',
		length: 'uint32_t',
		address: 'void *',
		name: 'void *',
		next: 'void *',
	});

	constructor(c: Library) {
		this.#socket = c.func('int socket(int family, int type, int protocol)');
		this.#connect = c.func('int connect(int fd, void *address, uint32_t length)');
		this.#close = c.func('int close(int fd)');
		this.#setOption = c.func('int setsockopt(int fd, int level, int option, void *value, uint32_t length)');
		this.#getAddressInfo = c.func('int getaddrinfo(const char *host, const char *service, void *hints, _Out_ void **result)');
		this.#freeAddressInfo = c.func('void freeaddrinfo(void *result)');
		this.#lookUpWords = c.func('const char *gai_strerror(int error)');
	}

	connect(address: SocketAddress, waitMs: number, connectMs: number): number {
		return address.kind === 'unix' ? this.#connectUnix(address.path, waitMs, connectMs) : this.#connectTcp(address, waitMs, connectMs);
	}

	close(fd: number): void {
		this.#close(fd);
	}

	#connectUnix(path: Buffer, waitMs: number, connectMs: number): number {
		if (path.length >= unixPathMax || path.includes(0)) throw systemError(os.errno.ENAMETOOLONG, { syscall: 'connect', path });
		const name = Buffer.alloc(2 + unixPathMax);
		name.writeUInt16LE(afUnix, 0);
		path.copy(name, 2);
		try {
			return this.#open({ family: afUnix, type: sockStream, protocol: 0, address: name, length: name.length }, waitMs, connectMs);
		} catch (error) {
			if (error instanceof Error) Object.assign(error, { path: path.toString() });
			throw error;
		}
	}

	#connectTcp({ host, port }: Extract<SocketAddress, { kind: 'tcp' }>, waitMs: number, connectMs: number): number {
		const hints = Buffer.alloc(48);
		hints.writeInt32LE(sockStream, 8);
		const result: [unknown] = [null];
		const failure = this.#getAddressInfo(host, String(port), hints, result);
		if (failure === eaiSystem) throw systemError(koffi.errno(), { syscall: 'getaddrinfo' });
		if (failure !== 0)
			throw Object.assign(new Error(`ENOTFOUND: ${this.#lookUpWords(failure)}, getaddrinfo '${host}'`), { code: 'ENOTFOUND', syscall: 'getaddrinfo' });
		try {
			let problem: unknown;
			for (let next = result[0]; next !== null; ) {
				const info = koffi.decode(next, this.#addressInfo) as AddressInfo;
				try {
					return this.#open(info, waitMs, connectMs);
				} catch (error) {
					problem ??= error; // the address that the system prefers has the most telling reason
				}
				next = info.next;
			}
			throw problem;
		} finally {
			this.#freeAddressInfo(result[0]);
		}
	}

	#open(info: Omit<AddressInfo, 'next'>, waitMs: number, connectMs: number): number {
		const fd = this.#socket(info.family, sockStream | sockCloseOnExec, info.protocol);
		if (fd < 0) throw systemError(koffi.errno(), { syscall: 'socket' });
		try {
			this.#set(fd, solSocket, soSendTimeout, timeval(connectMs)); // which also bounds connect
			if (this.#connect(fd, info.address, info.length) < 0) {
				const errno = koffi.errno();
				throw systemError(errno === os.errno.EINPROGRESS || errno === os.errno.EAGAIN ? os.errno.ETIMEDOUT : errno, { syscall: 'connect' });
			}
			this.#set(fd, solSocket, soSendTimeout, timeval(waitMs));
			this.#set(fd, solSocket, soReceiveTimeout, timeval(waitMs));
			if (info.protocol === protocolTcp) this.#set(fd, protocolTcp, tcpNoDelay, int32(1));
			return fd;
		} catch (error) {
			this.close(fd);
			throw error;
		}
	}

	#set(fd: number, level: number, option: number, value: Buffer): void {
		if (this.#setOption(fd, level, option, value, value.length) < 0) throw systemError(koffi.errno(), { syscall: 'setsockopt' });
	}
}

function timeval(ms: number): Buffer {
	const value = Buffer.alloc(16);
	value.writeBigInt64LE(BigInt(Math.floor(ms / 1000)), 0);
	value.writeBigInt64LE(BigInt((ms % 1000) * 1000), 8);
	return value;
}

function int32(number: number): Buffer {
	const value = Buffer.alloc(4);
	value.writeInt32LE(number, 0);
	return value;
}

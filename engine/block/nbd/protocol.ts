/**
 * Numbers of the NBD protocol (doc/proto.md of the NetworkBlockDevice project): fixed newstyle negotiation, structured replies, metadata contexts.
 * All of them travel big-endian.
 */

export const initMagic = 0x4e42_444d_4147_4943n; // "NBDMAGIC"
export const optionMagic = 0x4948_4156_454f_5054n; // "IHAVEOPT"
export const optionReplyMagic = 0x0003_e889_0455_65a9n;
export const requestMagic = 0x2560_9513;
export const simpleReplyMagic = 0x6744_6698;
export const structuredReplyMagic = 0x668e_33ef;

export const handshakeFlag = { fixedNewstyle: 1, noZeroes: 2 } as const;

export const option = {
	exportName: 1,
	abort: 2,
	list: 3,
	startTls: 5,
	info: 6,
	go: 7,
	structuredReply: 8,
	listMetaContext: 9,
	setMetaContext: 10,
} as const;

export const optionReply = {
	ack: 1,
	server: 2,
	info: 3,
	metaContext: 4,
	errUnsupported: 0x8000_0001,
	errPolicy: 0x8000_0002,
	errInvalid: 0x8000_0003,
	errTlsRequired: 0x8000_0005,
	errUnknown: 0x8000_0006,
	errTooBig: 0x8000_0009,
} as const;
/** Replies from here on say that an option was refused. */
export const firstOptionError = 0x8000_0000;

export const infoType = { export: 0, blockSize: 3 } as const;

export const transmissionFlag = {
	hasFlags: 1,
	readOnly: 2,
	sendFlush: 4,
	sendFua: 8,
	sendTrim: 32,
	sendWriteZeroes: 64,
	sendDf: 128,
	canMultiConn: 256,
} as const;

export const command = { read: 0, write: 1, disconnect: 2, flush: 3, trim: 4, writeZeroes: 6, blockStatus: 7 } as const;

export const commandFlag = { fua: 1, noHole: 2, df: 4, reqOne: 8, fastZero: 16 } as const;

export const replyFlag = { done: 1 } as const;

export const replyType = { none: 0, offsetData: 1, offsetHole: 2, blockStatus: 5, error: 0x8001, errorOffset: 0x8002 } as const;
/** Chunks with this bit say that the request failed. */
export const replyTypeErrorBit = 0x8000;

export const errorNumber = { EPERM: 1, EIO: 5, ENOMEM: 12, EINVAL: 22, ENOSPC: 28, EOVERFLOW: 75, ENOTSUP: 95, ESHUTDOWN: 108 } as const;
export const errorName = (number: number): string => Object.entries(errorNumber).find(([, value]) => value === number)?.[0] ?? `error ${number}`;

export const baseAllocation = 'base:allocation';
/** Of `base:allocation`. A hole alone says nothing of what is read there. */
export const allocationFlag = { hole: 1, zero: 2 } as const;
/** QEMU's contexts of dirty bitmaps, and their one flag. */
export const dirtyBitmapPrefix = 'qemu:dirty-bitmap:';
export const dirtyFlag = 1;
/** Of ours: the rest of the name is the token of the instant that an export shows. Names that begin with `x-` are free. */
export const instantPrefix = 'x-holdfast:instant:';

export const defaultPort = 10809;
export const maxNameBytes = 4096;
/** Of an error. */
export const maxMessageBytes = 4096;
/** What every side must be able to take when nobody has said more. */
export const defaultMaxPayloadBytes = 32 * 1024 * 1024;

/** A run of a disk and what a metadata context says of it. */
export type StatusExtent = { readonly lengthBytes: number; readonly flags: number };

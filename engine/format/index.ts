/**
 * Pure codecs of everything that lies in a repository: backup file, record, index, tree, disk map, chain metadata.
 * `docs/format.md` specifies the bytes. Guarantees: no I/O; a parser of bytes from outside returns a value or throws `repository.damaged`,
 * `repository.foreign`, `repository.locked` or `repository.newer-format`, and allocates no more than the bytes it was given justify.
 */
export * from './chain-cipher.ts';
export * from './chunk.ts';
export * from './content.ts';
export * from './cursor.ts';
export * from './disk-extents.ts';
export * from './disk-map.ts';
export * from './file-index.ts';
export * from './lock.ts';
export * from './manifest.ts';
export * from './packer.ts';
export * from './record.ts';
export * from './release.ts';
export * from './superblock.ts';
export * from './tree.ts';

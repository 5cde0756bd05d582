/** `btrfs subvolume list`: one line each, `ID 256 gen 9 top level 5 path home/data`, the path from the top of the file system. Other lines are left out. */
export const parseSubvolumes = (listing: string): readonly string[] =>
	listing.split('\n').flatMap((line) => /^ID \d+ gen \d+ top level \d+ path (.+)$/.exec(line)?.[1] ?? []);

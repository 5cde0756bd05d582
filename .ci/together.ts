/** Runs several test files in this process, one after the other: their paths are the arguments. */
import { pathToFileURL } from 'node:url';

for (const path of process.argv.slice(2)) await import(pathToFileURL(path).href);

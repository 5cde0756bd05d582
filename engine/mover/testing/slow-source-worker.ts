/** A process worker whose source is slow. */
import { SourceFile } from '../../source/index.ts';
import { dawdle } from './slow.ts';

const { read } = SourceFile.prototype;
SourceFile.prototype.read = function (this: SourceFile, target, offset) {
	dawdle();
	return read.call(this, target, offset);
};
await import('../process-worker.ts');

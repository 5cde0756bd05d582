/**
 * The health of chains: reading back what is stored, saying what damage hurts, and mending it.
 * Guarantees: what could not be read is never taken for damage, and nothing is rewritten because of it; mending keeps the commit rule.
 */
export { checkFile, type Fault, type FileCheck } from './check-file.ts';
export { Distrust } from './distrust.ts';
export { type Findings, findHurt, maxFindings } from './find-hurt.ts';
export { type Mended, type MendOutcome, mendChain, type Suspect } from './mend.ts';
export { dayMs, dayOf, dueSlices, resliced, type SlicesRead, sliceCountFor, sliceOf } from './rotation.ts';

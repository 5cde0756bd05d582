/** For tests of other modules only. */
export { assertOneInstant, assertOneInstantPerFile, NumberedWriter } from './testing/numbered-writer.ts';
export * from './writers/postgresql/testing.ts';

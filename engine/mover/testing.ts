/** For tests only: a backup for processes that do nothing else, without the rest of what the module offers. */
export { backUp } from './back-up.ts';

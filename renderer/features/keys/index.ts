/**
 * What chains are encrypted with, as people meet it: choosing at a job or a repository, keeping the recovery key, looking after keys, unlocking.
 * Passwords and recovery keys live in the state of an open dialog or wizard and nowhere else: not in the address, not in a cache, not in storage.
 */
export { EncryptedMark } from './encrypted-mark.tsx';
export { aNewKey, choiceErrors, choiceOf, chosenKeyId, type EncryptionChoice, encryptionText } from './encryption-choice.ts';
export { EncryptionPart } from './encryption-part.tsx';
export { KeysSection } from './keys-section.tsx';
export { RecoveryKeyDialog } from './recovery-key-dialog.tsx';
export { UnlockNotice } from './unlock-notice.tsx';
export { type MadeKey, useEncryptedSave } from './use-encrypted-save.ts';

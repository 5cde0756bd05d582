/** Where providers that need room on the volume itself keep snapshots, at the root of a mount. Backups leave it out. */
export const hiddenFolderName = '.holdfast-snapshots';

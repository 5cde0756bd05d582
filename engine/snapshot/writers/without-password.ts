/** The address of a server as it may be kept and shown. What differs from it holds a password. */
export const withoutPassword = (target: string): string => target.replace(/^(\w+:\/\/[^:@/]*):[^@/]*@/, '$1@').replace(/([?&]password=)[^&]*/i, '$1');

/** Settings that tell where the server keeps what, or what others may have put there: as closed to SHOW as to SELECT. */
export function isHiddenSetting(name: string): boolean {
  return /_file|_director|_command|_conninfo|passw|passphrase|^krb_|^ssl_|^listen_addresses$|_librar/.test(name)
}

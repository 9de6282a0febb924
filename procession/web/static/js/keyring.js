// Who hears keys before the page does; keys.js asks here once a key is pressed.

/** @type {((key: string) => boolean)[]} */
export const heard = [];
/** What their keys do, for the list of ?. @type {[string, string][]} */
export const words = [];

/** Hear keys first; true: it was mine. Call what comes back to end it. @param {(key: string) => boolean} listener @param {[string, string][]} [said] */
export function onKey(listener, said = []) {
  heard.push(listener);
  words.push(...said);
  return () => {
    heard.splice(heard.indexOf(listener), 1);
    for (const each of said) words.splice(words.indexOf(each), 1);
  };
}

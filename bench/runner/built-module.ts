/** A module that threads load, by its name in `bench/tasks` without the extension. */
export function builtModule(name: string): URL {
  return new URL(`../tasks/${name}.js`, import.meta.url);
}

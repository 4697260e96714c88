// The engine's runner reads .ts files with a compiler of its own and .js files with Node.js, which takes our types as they are.
import "./pack.ts";

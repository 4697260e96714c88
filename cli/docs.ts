// npm run docs: writes the documents that are made from code.
import { writeGenerated } from "./generated.ts";
import { note } from "./output.ts";

const written = writeGenerated();
note(written.length === 0 ? "All documents are up to date." : `Written: ${written.join(", ")}`);

// The results as a picture: the ratios that have a target, as bars beside it, and what the next tenant costs as a curve. Plain SVG
// with a ground of its own, readable on a light page and on a dark one.
import type { Cost } from "./measure.ts";
import { rowsOf, type GrowthPoint, type Results } from "./results.ts";

const width = 820;
const margin = 24;

const style = `
  .ground { fill: #ffffff; stroke: #d0d7de } text { fill: #1f2328; font: 13px system-ui, sans-serif } .small { font-size: 11px }
  .title { font-weight: 600; font-size: 15px } .faint { fill: #59636e } .line { stroke: #d0d7de } .target { stroke: #1f2328 }
  .kept { fill: #1a7f37 } .missed { fill: #bc4c00 } .first { stroke: #0969da; fill: #0969da } .second { stroke: #8250df; fill: #8250df }
  .third { stroke: #1a7f37; fill: #1a7f37 }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117; stroke: #3d444d } text { fill: #f0f6fc } .faint { fill: #9198a1 } .line { stroke: #3d444d }
    .target { stroke: #f0f6fc } .kept { fill: #3fb950 } .missed { fill: #f0883e } .first { stroke: #4493f8; fill: #4493f8 }
    .second { stroke: #ab7df8; fill: #ab7df8 } .third { stroke: #3fb950; fill: #3fb950 }
  }
  polyline { fill: none !important; stroke-width: 2 }`;

/** A part of the picture and how high it is. */
interface Panel {
  readonly height: number;
  readonly svg: string;
}

const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, (one) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[one] ?? one);

interface TextOptions {
  readonly style?: string;
  readonly anchor?: "start" | "middle" | "end";
}

const textAt = (x: number, y: number, text: string, { style = "", anchor = "start" }: TextOptions = {}): string =>
  `<text x="${x}" y="${y}" class="${style}" text-anchor="${anchor}">${escaped(text)}</text>`;

const line = (x1: number, y1: number, x2: number, y2: number, style: string): string =>
  `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" class="${style}"/>`;

const title = (text: string): string => textAt(margin, 20, text, { style: "title" });

/** A whole picture, with its parts under each other. */
export function drawResults(results: Results): string {
  const panels = [bars(results), curve(results.parts.growth?.growth ?? [])].filter(({ height }) => height > 0);
  let top = margin;
  const parts = panels.map(({ height, svg }) => {
    const part = `<g transform="translate(0 ${top})">${svg}</g>`;
    top += height + margin;
    return part;
  });
  const { started, machine } = results;
  const about = `${started.slice(0, 10)}, ${machine.cores} cores, ${Math.round(machine.memory / 2 ** 30)} GiB, stores on the same machine`;
  const height = top + margin;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>npm run bench, ${escaped(about)}</title>
<style>${style}
</style>
<rect x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="6" class="ground"/>
${parts.join("\n")}
${textAt(margin, top + 4, `npm run bench, ${about}`, { style: "faint small" })}
</svg>
`;
}

/** A bar for each ratio that has a target, and a mark at the target. */
function bars(results: Results): Panel {
  const rows = rowsOf(results).filter(({ target, ratio }) => target !== undefined && !Number.isNaN(ratio));
  const [left, right, each, top] = [350, width - 130, 40, 46];
  if (rows.length === 0) return { height: 0, svg: "" };
  const most = Math.max(...rows.flatMap(({ ratio, target = 0 }) => [ratio, target])) * 1.05;
  const at = (ratio: number): number => Math.round(left + ((right - left) * ratio) / most);
  const drawn = rows.map(({ what, beside, ratio, target = 0 }, index) => {
    const y = top + index * each;
    const bar = `<rect x="${left}" y="${y - 7}" width="${at(ratio) - left}" height="16" rx="2" class="${ratio <= target ? "kept" : "missed"}"/>`;
    return [
      textAt(margin, y, what),
      textAt(margin, y + 14, `beside ${beside}`, { style: "faint small" }),
      bar,
      line(at(target), y - 12, at(target), y + 14, "target"),
      textAt(Math.max(at(ratio), at(target)) + 8, y + 5, `${ratio.toFixed(2)} (at most ${target})`, { style: "small" }),
    ].join("");
  });
  const height = top + rows.length * each;
  return { height, svg: [title("How many times as long, and the target"), ...drawn].join("\n") };
}

interface Curve {
  readonly style: "first" | "second" | "third";
  readonly name: string;
  readonly value: (point: GrowthPoint) => number | undefined;
}

const part = (cost: keyof Omit<GrowthPoint, "present">, what: keyof Cost) => (point: GrowthPoint) => point[cost][what];

const curves: readonly Curve[] = [
  { style: "first", name: "tenant provision, seconds of processor", value: part("provision", "cpu") },
  { style: "second", name: "tenant provision, seconds", value: part("provision", "seconds") },
  { style: "third", name: "tenant verify, seconds", value: part("verify", "seconds") },
];

/** Seconds by the number of tenants present. */
function curve(points: readonly GrowthPoint[]): Panel {
  const [left, right, top, bottom] = [margin + 40, width - margin - 20, 64, 264];
  const values = points.flatMap((point) => curves.flatMap(({ value }) => value(point) ?? []));
  if (points.length < 2 || values.length === 0) return { height: 0, svg: "" };
  const [mostX, mostY] = [points.at(-1)?.present ?? 1, Math.ceil(Math.max(...values) * 1.1)];
  const x = (present: number): number => Math.round(left + ((right - left) * present) / mostX);
  const y = (seconds: number): number => Math.round(bottom - ((bottom - top) * seconds) / mostY);
  const steps = [0, 0.25, 0.5, 0.75, 1].map((part) => part * mostY);
  const grid = steps.map(
    (seconds) =>
      line(left, y(seconds), right, y(seconds), "line") +
      textAt(left - 8, y(seconds) + 4, `${+seconds.toFixed(1)} s`, { style: "faint small", anchor: "end" }),
  );
  const numbers = points.map(({ present }) =>
    textAt(x(present), bottom + 18, String(present), { style: "faint small", anchor: "middle" }),
  );
  const drawn = curves.map(({ style, name, value }, index) => {
    const places = points.flatMap((point) => {
      const seconds = value(point);
      return seconds === undefined ? [] : [[x(point.present), y(seconds)] as const];
    });
    const dots = places.map(([cx, cy]) => `<circle cx="${cx}" cy="${cy}" r="3.5"/>`).join("");
    const legend = margin + index * 270;
    return (
      `<g class="${style}"><polyline points="${places.map((place) => place.join(",")).join(" ")}"/>${dots}` +
      `<circle cx="${legend + 5}" cy="40" r="4"/></g>${textAt(legend + 16, 44, name, { style: "small" })}`
    );
  });
  const below = textAt(right, bottom + 36, "tenants present", { style: "faint small", anchor: "end" });
  return { height: bottom + 36, svg: [title("The next tenant"), ...grid, ...numbers, below, ...drawn].join("\n") };
}

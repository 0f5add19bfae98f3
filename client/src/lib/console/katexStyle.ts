// KaTeX's style with its fonts inside.
import css from "katex/dist/katex.min.css?raw";

const fonts = import.meta.glob<string>("/node_modules/katex/dist/fonts/*.woff2", { query: "?inline", import: "default", eager: true });
const byName = new Map(Object.entries(fonts).map(([path, data]) => [path.slice(path.lastIndexOf("/") + 1), data]));

// Each font stands there in three formats; every browser that this page runs in knows the first.
export const style = css.replace(/url\(fonts\/([^)]+\.woff2)\) format\("woff2"\)(?:,url\([^)]+\) format\("\w+"\))*/g, (_, name: string) => `url(${byName.get(name) ?? ""}) format("woff2")`);

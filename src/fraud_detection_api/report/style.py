"""The page's one style sheet."""

CSS = """
:root { color-scheme: light; --ink: #1f2937; --soft: #4b5563; --line: #e5e7eb; --blue: #0072b2; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 62rem; background: #fff; color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .3rem; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 2.8rem 0 .7rem; padding-top: .7rem; border-top: 1px solid var(--line); }
p, ul { max-width: 46rem; margin: .6rem 0; overflow-wrap: anywhere; }
ul { padding-left: 1.3rem; }
li { margin: .3rem 0; }
a { color: #005a8c; }
code { font: .9em ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
.lead { color: var(--soft); margin-top: 0; }
nav { margin: 1.2rem 0; padding: .8rem 1rem; background: #f9fafb; border: 1px solid var(--line); border-radius: .5rem; }
nav ol { margin: 0; padding-left: 1.6rem; columns: 3 13rem; column-gap: 2rem; font-size: .95rem; }
nav li { margin: 0; break-inside: avoid; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .8rem; margin: 1rem 0;
  padding: 0; }
.tiles div { border: 1px solid var(--line); border-radius: .5rem; padding: .7rem .9rem; }
.tiles dt { color: var(--soft); font-size: .85rem; line-height: 1.3; }
.tiles dd { margin: 0; }
.tiles .value { font-size: 1.6rem; font-weight: 600; line-height: 1.3; }
.tiles .interval { color: var(--soft); font-size: .85rem; }
figure { margin: 1rem 0; max-width: 36rem; min-width: 0; }
figcaption { font-size: .9rem; line-height: 1.45; color: var(--soft); overflow-wrap: anywhere; }
figcaption b { color: var(--ink); display: block; font-size: .95rem; margin-bottom: .1rem; }
figcaption .here { color: var(--ink); }
.gallery figure { display: grid; grid-template-rows: subgrid; grid-row: span 2; gap: 0; }
.solo figure { max-width: none; display: grid; grid-template-columns: minmax(0, 30rem) minmax(14rem, 1fr); gap: 1.6rem; }
.solo figcaption { order: 2; align-self: center; }
.solo figcaption b { margin-bottom: .4rem; }
.gallery { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 0 1.6rem; }
.gallery.small { grid-template-columns: repeat(auto-fill, minmax(min(100%, 17.5rem), 1fr)); }
.gallery figure { margin: .8rem 0; }
.plot { display: block; width: 100%; height: auto; margin-top: .4rem; }
.plot text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
.plot * { stroke-linejoin: round; stroke-linecap: butt; }
.table { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding-bottom: .35rem; }
th, td { padding: .34rem .8rem .34rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
th { font-weight: 600; color: var(--soft); line-height: 1.3; vertical-align: bottom; }
tbody th { line-height: inherit; color: var(--ink); font-weight: 400; vertical-align: top;
  overflow-wrap: anywhere; min-width: 7rem; }
.facts tbody th { width: 16rem; color: var(--soft); }
.facts td { overflow-wrap: anywhere; }
td .interval { display: block; color: var(--soft); font-size: .92em; white-space: nowrap; }
.bar { display: block; width: 100%; height: .5rem; margin-top: .15rem; fill: var(--blue); }
.bars td { width: 32%; }
@media (max-width: 44rem) {
  .solo figure { display: block; }
  td .interval { display: inline-block; margin-left: .5em; }
  .wide thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .wide table, .wide tbody, .wide tr, .wide th, .wide td, .wide caption { display: block; width: auto; }
  .wide tr { border-bottom: 1px solid var(--line); padding: .45rem 0; }
  .wide th, .wide td { border: 0; padding: .08rem 0; }
  .wide tbody th { font-weight: 600; }
  .wide tbody th::before { content: attr(data-label) ": "; }
  .wide td { display: grid; grid-template-columns: 46% 1fr; gap: .6rem; }
  .wide td::before { content: attr(data-label); color: var(--soft); line-height: 1.35; }
  .facts tbody th { width: 40%; }
}
@media print {
  body { max-width: none; padding: 0; font-size: 10pt; }
  nav { display: none; }
  h2 { break-after: avoid; margin-top: 1.4rem; }
  figure, tr, .tiles div { break-inside: avoid; }
  caption { break-after: avoid; }
  .tiles { grid-template-columns: repeat(4, 1fr); }
  .gallery { grid-template-columns: 1fr 1fr; }
  .gallery.small { grid-template-columns: 1fr 1fr 1fr; }
  .table { overflow: visible; }
  a { color: inherit; text-decoration: none; }
}
"""

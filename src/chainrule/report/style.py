"""The one style sheet of the page: light, dark, narrow and printed."""

from __future__ import annotations

__all__ = ["STYLE"]

_DARK = """--ink: #e7eaee; --faint: #9aa4b1; --line: #2c343e; --paper: #12161b;
  --card: #191f26; --first: #5ec4dc; --second: #ffa06b;"""
_LIGHT = """--ink: #1b232d; --faint: #5d6875; --line: #dfe4ea; --paper: #fff;
  --card: #f5f7f9; --first: #0b7085; --second: #c8500a;"""

STYLE = f"""
:root {{ color-scheme: light dark; {_LIGHT} }}
@media (prefers-color-scheme: dark) {{ :root {{ {_DARK} }} }}
* {{ box-sizing: border-box; }}
body {{ font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  color: var(--ink); background: var(--paper); max-width: 66rem; margin: 0 auto;
  padding: 2.6rem 1.4rem 4rem; }}
h1 {{ font-size: 1.9rem; line-height: 1.2; margin: 0; letter-spacing: -.01em;
  overflow-wrap: anywhere; }}
h2 {{ font-size: 1.2rem; margin: 0 0 .3rem; }}
section {{ border-top: 1px solid var(--line); margin-top: 2.2rem; padding-top: 1.5rem; }}
p {{ color: var(--faint); margin: .1rem 0 1rem; max-width: 46rem; overflow-wrap: anywhere; }}
ul {{ color: var(--faint); margin: 0 0 1rem; padding-left: 1.2rem; overflow-wrap: anywhere; }}
.tiles {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .8rem;
  margin: 1.5rem 0 1.4rem; }}
.tile {{ background: var(--card); border-radius: .6rem; padding: .8rem 1rem .75rem; }}
.tile b {{ display: block; font-size: 1.65rem; line-height: 1.25; font-weight: 650;
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }}
.tile.first b {{ color: var(--first); }}
.tile span {{ display: block; color: var(--faint); font-size: .84rem; line-height: 1.35; }}
.verdicts {{ list-style: none; counter-reset: claim; margin: 0 0 1.2rem; padding: 0; }}
.verdicts li {{ display: grid; grid-template-columns: minmax(0, 1fr) 22rem; gap: .5rem 2rem;
  border-bottom: 1px solid var(--line); padding: .9rem 0; break-inside: avoid;
  align-items: start; }}
.verdicts h3 {{ font-size: 1rem; font-weight: 600; line-height: 1.4; margin: 0 0 .35rem; }}
.verdicts h3::before {{ counter-increment: claim; content: counter(claim) ". "; }}
.verdicts p {{ font-size: .88rem; line-height: 1.45; margin: .3rem 0 0; }}
.whole {{ white-space: nowrap; }}
.found {{ display: inline-block; border: 1px solid var(--ink); border-radius: .3rem;
  font-size: .84rem; line-height: 1.5; padding: 0 .5rem; }}
.found.yes {{ background: var(--ink); color: var(--paper); }}
.found.no {{ border-width: 2px; font-weight: 600; }} .found.open {{ border-style: dashed; }}
.figures {{ display: grid; gap: 1.6rem 2rem; align-items: start; margin-bottom: 1rem;
  grid-template-columns: repeat(auto-fit, minmax(min(26rem, 100%), 1fr)); }}
figure {{ margin: 0; break-inside: avoid; }}
figcaption {{ color: var(--faint); font-size: .86rem; line-height: 1.4; margin-top: .3rem;
  max-width: 34rem; }}
.wide {{ overflow-x: auto; margin-bottom: .8rem; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .94rem; }}
th {{ text-align: left; font-weight: 500; color: var(--faint); vertical-align: bottom; }}
th, td {{ padding: .3rem 1.6rem .3rem 0; border-bottom: 1px solid var(--line);
  overflow-wrap: anywhere; max-width: 30rem; }}
th, td:first-child {{ overflow-wrap: break-word; }}
th.right, td.right {{ text-align: right; }}
td:first-child {{ font-weight: 500; min-width: 8rem; }}
td + td {{ white-space: nowrap; }} td.wrap {{ white-space: normal; min-width: 8rem; }}
.facts td + td {{ white-space: normal; max-width: 46rem; }}
.facts td:first-child {{ color: var(--faint); font-weight: 400; white-space: nowrap; }}
.facts tr:last-child td {{ border-bottom: 0; }}
pre {{ background: var(--card); border-radius: .6rem; padding: .9rem 1.1rem; font-size: .86rem;
  line-height: 1.5; white-space: pre-wrap; overflow-wrap: anywhere; margin: .4rem 0 .8rem; }}
svg {{ display: block; max-width: 100%; height: auto;
  font: 12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }}
svg.small {{ width: 7.5rem; height: 1.5rem; }}
svg text {{ fill: var(--faint); }} svg text.ink {{ fill: var(--ink); }}
svg text.strong {{ fill: var(--paper); font-weight: 600; }}
.end {{ text-anchor: end; }} .mid {{ text-anchor: middle; }}
.grid {{ stroke: var(--line); }} .axis {{ stroke: var(--faint); }}
.line {{ fill: none; stroke-width: 2; stroke-linejoin: round; }} .line.thin {{ stroke-width: 1.2; }}
.line-0 {{ stroke: var(--first); }} .line-1 {{ stroke: var(--second); }}
.line-2 {{ stroke: var(--faint); }}
.knot-0 {{ fill: var(--first); }} .knot-1 {{ fill: var(--second); }}
.mark {{ stroke: var(--faint); stroke-dasharray: 4 4; fill: none; }}
.dots {{ stroke: var(--first); stroke-width: 3; stroke-linecap: round; opacity: .5; }}
.bar {{ fill: var(--first); fill-opacity: .78; }} .cell {{ fill: var(--first); }}
.shade {{ fill: var(--faint); fill-opacity: .2; }}
.side {{ fill: var(--first); fill-opacity: .1; }} .run {{ fill: var(--ink); fill-opacity: .5; }}
.even {{ stroke: var(--ink); stroke-width: 1.2; }}
.reach {{ stroke: var(--first); stroke-width: 3; }}
.whisker {{ stroke: var(--ink); stroke-width: 1.4; }}
footer {{ color: var(--faint); font-size: .84rem; margin-top: 2.6rem; padding-top: 1rem;
  border-top: 1px solid var(--line); }}
@media (max-width: 52rem) {{ .verdicts li {{ grid-template-columns: minmax(0, 1fr); }} }}
@media (max-width: 36rem) {{
  body {{ padding: 1.6rem 1rem 3rem; }} h1 {{ font-size: 1.5rem; }}
  .tiles {{ grid-template-columns: 1fr 1fr; gap: .6rem; }} .tile {{ padding: .6rem .8rem; }}
  .tile b {{ font-size: 1.3rem; }}
  table {{ font-size: .84rem; }} th, td {{ padding-right: .7rem; }}
  td + td:last-child {{ padding-right: 0; }}
  td:first-child, td.wrap {{ min-width: 7.5rem; }} .facts td:first-child {{ min-width: 4.5rem; }}
  td {{ vertical-align: top; }}
  svg[width="560"] {{ font-size: 15px; }}
  figure {{ overflow-x: auto; }} svg[stroke-linejoin] {{ min-width: 40rem; }}
  svg[stroke-linejoin] + figcaption::after {{ content: " Move it sideways to see the rest."; }}
}}
@media print {{
  :root {{ color-scheme: light; {_LIGHT} }}
  body {{ font-size: 10.5pt; max-width: none; padding: 0; print-color-adjust: exact;
    -webkit-print-color-adjust: exact; }}
  section {{ margin-top: 1.2rem; padding-top: 1rem; }}
  h2, h2 + p, .tiles {{ break-after: avoid; }} tr, pre, .tiles {{ break-inside: avoid; }}
  .tiles {{ grid-template-columns: repeat(4, 1fr); }} figure:only-child {{ grid-column: 1 / -1; }}
  .wide {{ overflow: visible; }}
  .figures {{ grid-template-columns: 1fr 1fr; }}
}}
"""

"""The page's HTML, script and style. The script puts text into elements as text, so that nothing a client sends is read
as HTML."""

from typing import Final

HTML: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="token" content="{token}">
<title>pointsman try: {files}</title>
<link rel="stylesheet" href="/page.css">
<script src="/page.js" defer></script>
</head>
<body>
<h1>{files}</h1>
<p id="note" role="status"></p>
<h2>Where it listens</h2>
<table id="ports"><thead><tr><th>here</th><th>frontend</th><th>in the file</th></tr></thead><tbody></tbody></table>
<h2>Requests</h2>
<table id="requests"><thead><tr><th>time</th><th>frontend</th><th>backend</th><th>server</th><th>status</th>
<th>letters</th><th>ms</th><th>request</th></tr></thead><tbody></tbody></table>
<p class="empty" id="none">Nothing was asked yet.</p>
<h2>Servers</h2>
<form id="fault">
<label>server <input name="server" placeholder="web/s1, or web/*" required></label>
<label>fault <input name="what" list="kinds" placeholder="slow:2s" required></label>
<datalist id="kinds"><option>slow:2s</option><option>refuse</option><option>reset</option><option>hang</option>
<option>drop:5%</option><option>500:10%</option><option>none</option></datalist>
<button>set</button> <span id="said" role="status"></span>
</form>
<table id="servers"><thead><tr><th>server</th><th>in the file</th><th>is</th><th>state</th><th>sessions</th>
<th>faults</th></tr></thead><tbody></tbody></table>
<h2>What was changed</h2>
<ul id="notices"></ul>
<h2>Log</h2>
<pre id="log"></pre>
</body>
</html>
"""

STYLE: Final = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 1.5rem auto; max-width: 75rem; padding: 0 1rem;
  color: #1d2330; background: #fff }
h1 { font-size: 1.3rem } h2 { font-size: 1rem; margin: 1.6rem 0 .4rem }
table { border-collapse: collapse; width: 100% } th { text-align: left; font-weight: 600; color: #555 }
th, td { padding: .2rem .8rem .2rem 0; border-bottom: 1px solid #e3e5ea; vertical-align: top; overflow-wrap: anywhere }
td { font-family: ui-monospace, monospace; font-size: 13px }
tr.bad td { color: #a11 } .empty { color: #666 } pre { font-size: 12px; white-space: pre-wrap; overflow-wrap: anywhere }
label { margin-right: .8rem } input { font: inherit; width: 12rem }
@media (prefers-color-scheme: dark) { body { color: #dfe3ea; background: #14171d }
  th { color: #99a } th, td { border-color: #2b303b } tr.bad td { color: #f88 } a { color: #8bf }
  .empty { color: #999 } }
"""

SCRIPT: Final = """"use strict";
const token = document.querySelector("meta[name=token]").content;
const at = id => document.getElementById(id);
let last = 0;

function row(cells, bad) {
  const made = document.createElement("tr");
  if (bad) made.className = "bad";
  for (const cell of cells) {
    const td = document.createElement("td");
    if (cell && cell.url) {
      const link = document.createElement("a");
      link.href = cell.url;
      link.textContent = cell.url;
      td.append(link);
    } else td.textContent = cell;
    made.append(td);
  }
  return made;
}

function fill(id, rows) {
  at(id).tBodies[0].replaceChildren(...rows);
}

async function look() {
  let state;
  try {
    state = await (await fetch("/state?since=" + last)).json();
  } catch (error) {
    at("note").textContent = "The run has ended.";
    return;
  }
  const body = at("requests").tBodies[0];
  for (const one of state.requests) {
    const bad = /^[45]/.test(one.status) || !one.letters.startsWith("--");
    body.prepend(row([one.time, one.frontend, one.backend, one.server, one.status, one.letters, one.ms,
      one.request || one.client], bad));
  }
  while (body.rows.length > 200) body.deleteRow(-1);
  at("none").hidden = body.rows.length > 0;
  last = state.number;
  fill("ports", state.listening.map(one => row([one.url ? {url: one.url} : one.place, one.frontend,
    one.wanted])));
  fill("servers", state.servers.slice(0, 500).map(one => row([one.title, one.wanted, one.kind, one.state,
    one.requests, one.faults], /DOWN/.test(one.state))));
  at("notices").replaceChildren(...state.notices.map(text => {
    const made = document.createElement("li");
    made.textContent = text;
    return made;
  }));
  if (state.lines.length) at("log").textContent = (state.lines.reverse().join("\\n") + "\\n" +
    at("log").textContent).slice(0, 50000);
  setTimeout(look, 1000);
}

at("fault").addEventListener("submit", async event => {
  event.preventDefault();
  const form = new FormData(event.target);
  const body = new URLSearchParams({token, fault: form.get("server") + "=" + form.get("what")});
  const answer = await fetch("/fault", {method: "POST", body});
  at("said").textContent = (await answer.text()).trim();
});

look();
"""

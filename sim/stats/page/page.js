'use strict';
// The page of one run. What it shows at a time follows from the time alone, so
// a link to #t=12.5 shows what it shows to everybody.

const root = document.documentElement;
// A test, and a person who reports a bug, must be able to see that something is
// broken.
window.addEventListener('error', (e) => { root.dataset.error = e.message; });

const run = JSON.parse(document.getElementById('run').textContent);
const el = (id) => document.getElementById(id);

function svg(name, attributes, parent) {
  const e = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
  if (parent) parent.append(e);
  return e;
}

const seconds = (ms) => {
  const s = ms / 1000;
  return (s >= 100 ? s.toFixed(1) : s.toFixed(3)) + ' s';
};

// --- states, the later ones the worse; as in model.go ---

const nodeStates = [
  { key: 'all', label: 'reaches all others', mark: '' },
  { key: 'some', label: 'reaches some', mark: 'M0,-1A1,1 0 0 1 0,1Z' },
  { key: 'none', label: 'reaches none', mark: 'M-.55,0A.55,.55 0 1 0 .55,0A.55,.55 0 1 0 -.55,0Z' },
  { key: 'paused', label: 'paused', mark: 'M-.55,-.55h.4v1.1h-.4ZM.15,-.55h.4v1.1h-.4Z' },
  { key: 'down', label: 'down', mark: 'M-.65,-.45L-.45,-.65L0,-.2L.45,-.65L.65,-.45L.2,0L.65,.45L.45,.65L0,.2L-.45,.65L-.65,.45L-.2,0Z' },
];
const linkStates = [
  { key: 'up', label: 'established' },
  { key: 'off', label: 'not established' },
  { key: 'clogged', label: 'clogged' },
  { key: 'down', label: 'down' },
];

// worst returns the index of the last state that is not empty.
function worst(counts, states) {
  for (let i = states.length - 1; i > 0; i--) if (counts[i] > 0) return i;
  return 0;
}

// sector returns a path for a part of the unit disc, from and to in turns.
function sector(from, to) {
  if (to - from >= 1) return 'M-1,0A1,1 0 1 0 1,0A1,1 0 1 0 -1,0Z';
  const at = (turn) => [Math.sin(2 * Math.PI * turn), -Math.cos(2 * Math.PI * turn)].map((v) => v.toFixed(4)).join(',');
  return `M0,0L${at(from)}A1,1 0 ${to - from > 0.5 ? 1 : 0} 1 ${at(to)}Z`;
}

// --- the drawing ---

const mesh = el('mesh');
const many = run.places.length;
if (run.edges.length > 600) mesh.classList.add('dense');
const radius = many <= 30 ? 22 : many <= 130 ? 14 : many <= 400 ? 9 : 6;
// The drawing is as high as it needs to be.
const across = (key) => [Math.min(...run.places.map((p) => p[key])), Math.max(...run.places.map((p) => p[key]))];
const [minX, maxX] = across('x'), [minY, maxY] = across('y');
mesh.setAttribute('viewBox', `${minX - 70} ${minY - 70} ${maxX - minX + 140} ${Math.max(maxY - minY + 140, 300)}`);
const edgeLayer = svg('g', {}, mesh);
const placeLayer = svg('g', {}, mesh);

const edges = run.edges.map(([a, b, size]) => {
  const p = run.places[a], q = run.places[b];
  const line = svg('line', { class: 'edge', x1: p.x, y1: p.y, x2: q.x, y2: q.y }, edgeLayer);
  return { a, b, size, line, title: svg('title', {}, line), counts: [] };
});

const places = run.places.map((p, index) => {
  const scale = run.groups ? 8 + 1.6 * Math.sqrt(p.size) : radius;
  const group = svg('g', { class: 'place', transform: `translate(${p.x},${p.y})` }, placeLayer);
  const title = svg('title', {}, group);
  const body = svg('g', { transform: `scale(${scale})` }, group);
  svg('circle', { r: 1.12 }, body);
  const sectors = nodeStates.map((s) => svg('path', { class: s.key }, body));
  const mark = svg('path', { class: 'mark' }, body);
  svg('path', { class: 'alarm', d: 'M.9,-2L1.8,-.5H0Z' }, body);
  if (many <= 60 && !run.groups) {
    svg('text', { class: 'name', y: scale + 24 }, group).textContent = p.name;
  }
  group.addEventListener('click', () => choose(index));
  return { ...p, group, title, sectors, mark, counts: [], least: 0, violated: false };
});

function paintPlace(p) {
  const state = worst(p.counts, nodeStates);
  p.group.dataset.state = nodeStates[state].key;
  p.group.dataset.violated = p.violated;
  let from = 0;
  nodeStates.forEach((s, i) => {
    const to = from + p.counts[i] / p.size;
    p.sectors[i].setAttribute('d', p.counts[i] > 0 ? sector(from, to) : '');
    from = to;
  });
  p.mark.setAttribute('d', p.counts[state] === p.size ? nodeStates[state].mark : '');
  p.title.textContent = describePlace(p);
}

function describePlace(p) {
  const parts = [];
  nodeStates.forEach((s, i) => { if (p.counts[i] > 0) parts.push(p.size > 1 ? `${p.counts[i]} ${s.label}` : s.label); });
  const reach = p.size > 1 ? `fewest reached: ${p.least}` : `has routes to ${p.least}`;
  return `${p.name}: ${parts.join(', ')} (${reach} of ${run.nodes - 1} others)${p.violated ? '; violation' : ''}`;
}

function paintEdge(e) {
  e.line.dataset.state = linkStates[worst(e.counts, linkStates)].key;
  const parts = [];
  linkStates.forEach((s, i) => { if (e.counts[i] > 0) parts.push(e.size > 1 ? `${e.counts[i]} ${s.label}` : s.label); });
  e.title.textContent = `${places[e.a].name} – ${places[e.b].name}: ${parts.join(', ')}`;
}

// --- the legend, which tells how many there are of each ---

function legend(body, states, swatch) {
  return states.map((s, i) => {
    const row = document.createElement('tr');
    const picture = document.createElement('td');
    const image = svg('svg', { class: 'swatch', viewBox: '-1.3 -1.3 2.6 2.6', 'aria-hidden': 'true' });
    swatch(image, s, i);
    picture.append(image);
    const label = document.createElement('td');
    label.textContent = s.label;
    const count = document.createElement('td');
    count.id = `${body.id}-${s.key}`;
    row.append(picture, label, count);
    body.append(row);
    return count;
  });
}

const nodeCounts = legend(el('node-legend'), nodeStates, (image, s) => {
  svg('circle', { r: 1.12 }, image);
  svg('path', { class: s.key, d: sector(0, 1) }, image);
  svg('path', { class: 'mark', d: s.mark }, image);
});
const linkCounts = legend(el('link-legend'), linkStates, (image, s) => {
  image.setAttribute('viewBox', '0 -13 26 26');
  svg('line', { class: 'edge sample', 'data-state': s.key, x1: 0, x2: 26, y1: 0, y2: 0 }, image);
});

function total(list, states) {
  const sums = states.map(() => 0);
  for (const item of list) for (let i = 0; i < sums.length; i++) sums[i] += item.counts[i];
  return sums;
}

// --- time ---

const state = { now: -1, placeEvent: 0, edgeEvent: 0, chosen: -1 };

function reset() {
  const first = run.nodes === 1 ? 0 : 2;
  for (const p of places) {
    p.counts = nodeStates.map((_, i) => (i === first ? p.size : 0));
    p.least = 0;
    p.violated = false;
  }
  for (const e of edges) e.counts = linkStates.map((_, i) => (i === 1 ? e.size : 0));
  state.placeEvent = state.edgeEvent = 0;
}

// show shows the mesh as it was at a time, in milliseconds.
function show(time) {
  const now = Math.min(Math.max(time, 0), run.length);
  const dirtyPlaces = new Set(), dirtyEdges = new Set();
  if (now < state.now || state.now < 0) {
    reset();
    places.forEach((p) => dirtyPlaces.add(p));
    edges.forEach((e) => dirtyEdges.add(e));
  }
  for (; state.placeEvent < run.placeEvents.length && run.placeEvents[state.placeEvent][0] <= now; state.placeEvent++) {
    const event = run.placeEvents[state.placeEvent], p = places[event[1]];
    p.counts = event.slice(2, 2 + nodeStates.length);
    p.least = event[2 + nodeStates.length];
    dirtyPlaces.add(p);
  }
  for (; state.edgeEvent < run.edgeEvents.length && run.edgeEvents[state.edgeEvent][0] <= now; state.edgeEvent++) {
    const event = run.edgeEvents[state.edgeEvent], e = edges[event[1]];
    e.counts = event.slice(2);
    dirtyEdges.add(e);
  }
  let violations = 0;
  for (const [at, place] of run.violations) {
    if (at > now) continue;
    violations++;
    if (place >= 0 && !places[place].violated) {
      places[place].violated = true;
      dirtyPlaces.add(places[place]);
    }
  }
  state.now = now;
  dirtyPlaces.forEach(paintPlace);
  dirtyEdges.forEach(paintEdge);
  total(places, nodeStates).forEach((n, i) => { nodeCounts[i].textContent = n; });
  total(edges, linkStates).forEach((n, i) => { linkCounts[i].textContent = n; });
  el('violations-now').textContent = violations;
  el('episode-now').textContent = describeEpisode(now);
  el('now').textContent = seconds(now);
  const slider = el('time');
  slider.value = now;
  slider.setAttribute('aria-valuetext', `${seconds(now)} of ${seconds(run.length)}`);
  cursors.forEach((c) => c(now));
  if (state.chosen >= 0) el('details').textContent = describePlace(places[state.chosen]);
  root.dataset.time = now;
}

function describeEpisode(now) {
  const e = run.episodes.findLast((x) => x.began <= now);
  if (!e) return 'none';
  const since = now - e.began;
  const done = e.converged >= 0 && since >= e.converged ? 'all is right'
    : e.routed >= 0 && since >= e.routed ? 'routes are right, databases not yet' : 'not right yet';
  return `${e.cause} at ${seconds(e.began)}: ${done}`;
}

function choose(index) {
  if (state.chosen >= 0) places[state.chosen].group.dataset.chosen = false;
  state.chosen = index;
  if (index < 0) { el('details').textContent = ''; return; }
  places[index].group.dataset.chosen = true;
  el('details').textContent = describePlace(places[index]);
}

// --- plots ---

const left = 70, right = 990;
const x = (ms) => left + (right - left) * (run.length > 0 ? ms / run.length : 0);
const cursors = [];

function frame(plot, height) {
  const ticks = niceSteps(run.length / 1000, 8);
  for (const s of ticks) {
    svg('line', { class: 'grid', x1: x(s * 1000), x2: x(s * 1000), y1: 8, y2: height - 24 }, plot);
    svg('text', { x: x(s * 1000), y: height - 8, 'text-anchor': 'middle' }, plot).textContent = `${s} s`;
  }
  plot.addEventListener('click', (e) => {
    const box = plot.getBoundingClientRect();
    const at = ((e.clientX - box.left) / box.width) * 1000;
    go(((at - left) / (right - left)) * run.length);
  });
}

// cursor is drawn last, so that it lies above.
function cursor(plot, height) {
  const line = svg('line', { class: 'cursor', y1: 4, y2: height - 24 }, plot);
  cursors.push((now) => { line.setAttribute('x1', x(now)); line.setAttribute('x2', x(now)); });
}

// niceSteps returns about so many round numbers from 0 to most.
function niceSteps(most, about) {
  if (!(most > 0)) return [0];
  const rough = most / about, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((f) => f * power).find((s) => s >= rough);
  const steps = [];
  for (let i = 0; i * step <= most * 1.0001; i++) steps.push(Number((i * step).toPrecision(12)));
  return steps;
}

const short = (v) => (v >= 1e9 ? `${v / 1e9}G` : v >= 1e6 ? `${v / 1e6}M` : v >= 1e3 ? `${v / 1e3}k` : String(v));

// plotRates draws counts as rates per second, each with a class.
function plotRates(id, lines, logarithmic) {
  const plot = el(id), height = 200, base = height - 24, top = 14;
  // The last slot may have been cut short by the end of the run.
  const lasts = (i) => Math.max(Math.min(run.slot, run.length - i * run.slot), 1) / 1000;
  const rates = lines.map(([counts]) => counts.map((n, i) => n / lasts(i)));
  const most = Math.max(...rates.map((r) => r.reduce((a, b) => Math.max(a, b), 0)));
  if (most === 0) {
    plot.parentElement.hidden = true;
    return;
  }
  frame(plot, height);
  const curve = (v) => (logarithmic ? Math.log10(1 + v) : v);
  const y = (v) => base - ((base - top) * curve(v)) / curve(most);
  let ticks = niceSteps(most, 4);
  if (logarithmic) {
    ticks = [0];
    for (let v = 1; v <= most; v *= 10) ticks.push(v);
    if (ticks.length > 6) ticks = ticks.filter((_, i) => i % 2 === 0);
  }
  for (const v of ticks) {
    svg('line', { class: 'grid', x1: left, x2: right, y1: y(v), y2: y(v) }, plot);
    svg('text', { x: left - 8, y: y(v) + 5, 'text-anchor': 'end' }, plot).textContent = short(v);
  }
  lines.forEach(([, style], k) => {
    let d = '';
    rates[k].forEach((v, i) => {
      const from = x(i * run.slot), to = x(Math.min((i + 1) * run.slot, run.length));
      d += `${i === 0 ? 'M' : 'L'}${from.toFixed(1)},${y(v).toFixed(1)}H${to.toFixed(1)}`;
    });
    svg('path', { class: style, d }, plot);
  });
  plot.setAttribute('aria-label', `${plot.getAttribute('aria-label')}: at most ${most.toFixed(1)}`);
  cursor(plot, height);
}

function plotEpisodes() {
  const plot = el('plot-episodes'), height = 90;
  const hatch = svg('pattern', { id: 'hatch', width: 8, height: 8, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' }, svg('defs', {}, plot));
  svg('line', { class: 'hatch', y2: 8 }, hatch);
  frame(plot, height);
  const bar = (style, from, to, text) => {
    const rect = svg('rect', { class: style, x: x(from), width: Math.max(x(to) - x(from), 2), y: 28, height: 34 }, plot);
    svg('title', {}, rect).textContent = text;
  };
  let free = 0; // labels must not lie on each other
  for (const e of run.episodes) {
    const text = `${e.cause} at ${seconds(e.began)}`;
    if (e.converged >= 0) bar('converged', e.began, e.began + e.converged, `${text}: all right after ${seconds(e.converged)}`);
    else bar('unfinished', e.began + Math.max(e.routed, 0), e.ended, `${text}: not all right before ${seconds(e.ended)}`);
    if (e.routed >= 0) bar('routed', e.began, e.began + e.routed, `${text}: routes right after ${seconds(e.routed)}`);
    svg('line', { class: 'began', x1: x(e.began), x2: x(e.began), y1: 20, y2: 66 }, plot);
    if (x(e.began) >= free) {
      svg('text', { x: x(e.began) + 3, y: 20 }, plot).textContent = e.cause;
      free = x(e.began) + 9 * e.cause.length;
    }
  }
  plot.setAttribute('aria-label', `${run.episodes.length} episodes; the table below has them`);
  cursor(plot, height);
}

// --- control ---

const changes = [...new Set([...run.placeEvents, ...run.edgeEvents, ...run.violations].map((e) => e[0]))].sort((a, b) => a - b);
let playing = 0; // the number of the animation frame

// go moves to a time, and says so in the address, so that it can be shared.
function go(time) {
  show(time);
  history.replaceState(null, '', `#t=${(state.now / 1000).toFixed(3)}`);
}

function stop() {
  cancelAnimationFrame(playing);
  playing = 0;
  el('play').textContent = 'Play';
  el('play').setAttribute('aria-pressed', 'false');
}

function play() {
  if (playing) { go(state.now); stop(); return; }
  if (state.now >= run.length) show(0);
  el('play').textContent = 'Pause';
  el('play').setAttribute('aria-pressed', 'true');
  let before = performance.now();
  const step = (at) => {
    const whole = Number(el('speed').value) * 1000 || run.length;
    show(state.now + ((at - before) * run.length) / whole);
    before = at;
    if (state.now >= run.length) stop();
    else playing = requestAnimationFrame(step);
  };
  playing = requestAnimationFrame(step);
}

const next = () => go(changes.find((t) => t > state.now) ?? run.length);
const previous = () => go(changes.findLast((t) => t < state.now) ?? 0);

el('play').addEventListener('click', play);
el('next').addEventListener('click', next);
el('previous').addEventListener('click', previous);
el('time').max = run.length;
el('time').step = Math.max(1, Math.round(run.length / 1000));
el('time').addEventListener('input', (e) => {
  stop();
  const value = Number(e.target.value), step = Number(e.target.step);
  go(value + step > run.length ? run.length : value); // the end need not be a step
});
el('find').addEventListener('change', (e) => choose(run.places.findIndex((p) => p.name === e.target.value)));
document.addEventListener('keydown', (e) => {
  if (e.target.closest('input, select, button, a') || e.ctrlKey || e.altKey || e.metaKey) return;
  const action = { ' ': play, '.': next, ',': previous }[e.key];
  if (action) { e.preventDefault(); action(); }
});

function followAddress() {
  const wanted = /^#t=([0-9.]+)$/.exec(location.hash);
  if (wanted) { stop(); show(Number(wanted[1]) * 1000); }
}
window.addEventListener('hashchange', () => {
  followAddress();
  if (/^#t=/.test(location.hash)) el('mesh').scrollIntoView({ block: 'nearest' });
});

for (const p of run.places) {
  const option = document.createElement('option');
  option.value = p.name;
  el('places').append(option);
}
plotEpisodes();
plotRates('plot-control', [[run.series[0], 'line']], true);
plotRates('plot-datagrams', [[run.series[1], 'line'], [run.series[2], 'lost']], false);
plotRates('plot-pings', [[run.series[3], 'line'], [run.series[4], 'lost']], false);
show(0);
followAddress();
root.dataset.ready = 'true';

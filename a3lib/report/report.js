'use strict';

// Without script everything is on the page already; what needs script is shown by it.
for (const part of document.querySelectorAll('.for-script')) part.hidden = false;

const element = (name, text = '') => Object.assign(document.createElement(name), { textContent: text });
const shown = (value) => (value === null ? '\u2013' : String(value));

// ---- Dark and light: the button wins over the system; a page from a file may have no storage.
{
  const root = document.documentElement;
  const button = document.getElementById('theme');
  const system = window.matchMedia('(prefers-color-scheme: dark)');
  const isDark = () => (root.dataset.theme ? root.dataset.theme === 'dark' : system.matches);
  const label = () => { button.textContent = isDark() ? 'Light colours' : 'Dark colours'; };
  try {
    const kept = localStorage.getItem('a3-theme');
    if (kept === 'dark' || kept === 'light') root.dataset.theme = kept;
  } catch { /* No storage is allowed: the system's choice stands. */ }
  button.addEventListener('click', () => {
    root.dataset.theme = isDark() ? 'light' : 'dark';
    try { localStorage.setItem('a3-theme', root.dataset.theme); } catch { /* Not remembered. */ }
    label();
  });
  system.addEventListener('change', label);
  label();
  button.hidden = false;
}

// ---- Sorting: a heading becomes a button; `order(key, direction)` puts the rows in order.
function makeSortable(headings, order) {
  for (const heading of headings) {
    const button = element('button');
    button.type = 'button';
    button.append(...heading.childNodes);
    if (heading.dataset.key) button.dataset.sort = heading.dataset.key;
    heading.append(button);
    heading.setAttribute('aria-sort', 'none');
    button.addEventListener('click', () => {
      const up = heading.getAttribute('aria-sort') !== 'ascending';
      for (const other of headings) other.setAttribute('aria-sort', 'none');
      heading.setAttribute('aria-sort', up ? 'ascending' : 'descending');
      order(heading, up ? 1 : -1);
    });
  }
}

// Numbers by size and texts by letter; what was not measured comes last in either direction.
function compare(one, other, direction) {
  if (one === '' || other === '') return (one === '') - (other === '');
  const [a, b] = [Number(one), Number(other)];
  return direction * (Number.isNaN(a - b) ? one.localeCompare(other) : a - b);
}

for (const table of document.querySelectorAll('table[data-sortable]')) {
  const headings = [...table.tHead.rows[0].cells];
  makeSortable(headings, (heading, direction) => {
    const column = headings.indexOf(heading);
    const value = (row) => row.cells[column].dataset.value;
    const rows = [...table.tBodies[0].rows];
    rows.sort((one, other) => compare(value(one), value(other), direction));
    table.tBodies[0].append(...rows);
  });
}

// ---- Charts: a crosshair reads off values; a range of steps is looked at more closely.
function roundSteps(low, high) {
  const rough = (high - low) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const size = Math.max(1, power * [1, 2, 5, 10].find((factor) => factor * power >= rough));
  const steps = [];
  for (let step = Math.ceil(low / size) * size; step <= high; step += size) steps.push(step);
  return steps;
}

function makeChart(figure) {
  const data = JSON.parse(figure.querySelector('script').textContent);
  const plot = figure.querySelector('.plot');
  const lines = figure.querySelector('.lines');
  const crosshair = figure.querySelector('.crosshair');
  const selection = figure.querySelector('.selection');
  const output = figure.querySelector('output');
  const reader = figure.querySelector('[name=step]');
  const [from, to] = figure.querySelectorAll('[type=number]');
  const legend = [...figure.querySelectorAll('.legend li')];
  const whole = [data.first, data.last];
  let [low, high] = whole;

  const place = (step) => (100 * (step - low)) / (high - low);
  const nearest = (step) => data.steps.reduce((best, other, index) => (
    Math.abs(other - step) < Math.abs(data.steps[best] - step) ? index : best), 0);

  function read(step) {
    const index = nearest(step);
    const found = data.steps[index];
    crosshair.style.left = `${place(found)}%`;
    crosshair.hidden = found < low || found > high;
    reader.value = found;
    const list = element('ul');
    const spoken = data.lines.map((line, number) => {
      const means = line.means ? ` (mean ${shown(line.means[index])})` : '';
      const item = legend[number].cloneNode(true);
      item.append(`: ${shown(line.values[index])}${means}`);
      list.append(item);
      return `${line.name} ${shown(line.values[index])}`;
    });
    reader.setAttribute('aria-valuetext', `step ${found}: ${spoken.join('; ')}`);
    output.replaceChildren(element('strong', `Step ${found}`), list);
  }

  function zoom(first, last) {
    [low, high] = [Math.max(whole[0], Math.min(first, last)), Math.min(whole[1], Math.max(first, last))];
    if (!(high > low)) [low, high] = whole;
    const left = (1000 * (low - whole[0])) / (whole[1] - whole[0]);
    const width = (1000 * (high - low)) / (whole[1] - whole[0]);
    lines.setAttribute('viewBox', `${left} 0 ${width} 1000`);
    for (const point of figure.querySelectorAll('.point')) {
      const step = whole[0] + (point.dataset.place / 100) * (whole[1] - whole[0]);
      point.style.left = `${place(step)}%`;
      point.style.visibility = step < low || step > high ? 'hidden' : '';
    }
    figure.querySelector('.x-ticks').replaceChildren(...roundSteps(low, high).map((step) => {
      const tick = element('span', step);
      tick.style.left = `${place(step)}%`;
      return tick;
    }));
    [reader.min, reader.max, from.value, to.value] = [low, high, low, high];
    crosshair.hidden = true;
  }

  // A finger that moves sideways reads off; a mouse that is dragged chooses steps.
  const stepAt = (event) => {
    const box = plot.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    return low + share * (high - low);
  };
  let start = null;
  plot.addEventListener('pointerdown', (event) => {
    if (event.pointerType === 'mouse' && event.button === 0) {
      start = stepAt(event);
      plot.setPointerCapture(event.pointerId);
      event.preventDefault();
    }
    read(stepAt(event));
  });
  plot.addEventListener('pointermove', (event) => {
    const step = stepAt(event);
    read(step);
    if (start === null) return;
    const ends = [place(start), place(step)].sort((a, b) => a - b);
    Object.assign(selection.style, { left: `${ends[0]}%`, right: `${100 - ends[1]}%` });
    selection.hidden = false;
  });
  plot.addEventListener('pointerup', (event) => {
    const end = stepAt(event);
    const dragged = start !== null && Math.abs(place(end) - place(start)) > 2;
    if (dragged) zoom(data.steps[nearest(start)], data.steps[nearest(end)]);
    start = null;
    selection.hidden = true;
  });
  plot.addEventListener('pointercancel', () => { start = null; selection.hidden = true; });

  reader.step = 'any';
  reader.addEventListener('input', () => read(Number(reader.value)));
  // An arrow key goes to the next step that was measured.
  reader.addEventListener('keydown', (event) => {
    const by = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const index = nearest(Number(reader.value)) + by;
    const step = data.steps[Math.min(data.steps.length - 1, Math.max(0, index))];
    if (step >= low && step <= high) read(step);
  });
  for (const input of [from, to]) {
    [input.min, input.max] = whole;
    input.addEventListener('change', () => zoom(Number(from.value), Number(to.value)));
  }
  figure.querySelector('.reset').addEventListener('click', () => zoom(...whole));
  zoom(...whole);
  reader.value = low;
  output.textContent = 'No step is read off yet.';
}
for (const figure of document.querySelectorAll('.chart')) makeChart(figure);

// ---- Samples: one prompt at a time or all, filtered and sorted.
const samples = document.getElementById('samples');
if (samples) {
  const prompt = document.getElementById('prompt');
  const text = document.getElementById('filter-text');
  const boxes = [...document.querySelectorAll('#filter-models input')];
  const previous = document.getElementById('previous-prompt');
  const next = document.getElementById('next-prompt');
  const headings = [...samples.querySelectorAll('th[data-key]')];
  const bodies = [...samples.tBodies];
  const rows = [...samples.querySelectorAll('tr[data-model]')];
  const home = new Map(rows.map((row) => [row, row.parentNode]));
  const sorted = { key: 'order', direction: 1 };

  // When prompts are mixed by sorting, each completion says what it goes on from.
  for (const row of rows) {
    const seed = element('span', `${home.get(row).querySelector('.text').textContent} \u2026`);
    seed.className = 'seed';
    seed.dir = 'auto';
    row.querySelector('.completion').prepend(seed);
  }

  function arrange(all = false) {
    const chosen = all ? 'all' : prompt.value;
    const wanted = all ? '' : text.value.toLowerCase();
    const models = new Set(boxes.filter((box) => all || box.checked).map((box) => box.value));
    const mixed = !all && chosen === 'all' && sorted.key !== 'order';
    samples.classList.toggle('mixed', mixed);
    const value = (row) => row.dataset[all ? 'order' : sorted.key];
    const ordered = [...rows].sort((one, other) => compare(value(one), value(other), all ? 1 : sorted.direction));
    for (const row of ordered) {
      const said = row.querySelector('.completion > bdi').textContent.toLowerCase();
      row.hidden = !(models.has(row.dataset.model) && said.includes(wanted)
        && (chosen === 'all' || row.dataset.prompt === chosen));
      (mixed ? bodies[0] : home.get(row)).append(row);
    }
    for (const body of bodies) {
      const empty = ![...body.querySelectorAll('tr[data-model]')].some((row) => !row.hidden);
      body.rows[0].hidden = mixed || (empty && (chosen === 'all' || body !== bodies[chosen]));
    }
    const count = rows.filter((row) => !row.hidden).length;
    document.getElementById('shown').textContent = `${count} of ${rows.length} texts shown`;
    previous.disabled = next.disabled = chosen === 'all';
  }

  function turn(by) {
    const count = bodies.length;
    prompt.value = String((Number(prompt.value) + by + count) % count);
    arrange();
  }

  makeSortable(headings, (heading, direction) => {
    sorted.key = heading.dataset.key === 'model' ? 'order' : heading.dataset.key;
    sorted.direction = direction;
    arrange();
  });
  headings[0].setAttribute('aria-sort', 'ascending');
  previous.addEventListener('click', () => turn(-1));
  next.addEventListener('click', () => turn(1));
  for (const input of [prompt, text, ...boxes]) input.addEventListener('input', () => arrange());
  window.addEventListener('beforeprint', () => arrange(true));
  window.addEventListener('afterprint', () => arrange());
  arrange();
}

// ---- Printing: what is folded away is unfolded, and folded again afterwards.
{
  let folded = [];
  window.addEventListener('beforeprint', () => {
    folded = [...document.querySelectorAll('details:not([open])')];
    for (const details of folded) details.open = true;
  });
  window.addEventListener('afterprint', () => {
    for (const details of folded) details.open = false;
  });
}

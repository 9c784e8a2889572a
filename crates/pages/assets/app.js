// What pages do beyond links and forms: charts, what comes in live, and small conveniences. Every page is whole without it.
"use strict";

(() => {
  // A colour as it is shown now: light-dark() is resolved on an element.
  const colour = (name) => {
    const probe = document.createElement("span");
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    const shown = getComputedStyle(probe).color;
    probe.remove();
    return shown;
  };
  const short = (number) => {
    const size = Math.abs(number);
    if (size >= 1e9) return `${+(number / 1e9).toFixed(1)}B`;
    if (size >= 1e6) return `${+(number / 1e6).toFixed(1)}M`;
    if (size >= 1e4) return `${+(number / 1e3).toFixed(1)}k`;
    return `${+number.toFixed(2)}`;
  };

  // A chart is drawn by the server as SVG; here it becomes one that can be read off point by point.
  const draw = (figure) => {
    const told = JSON.parse(figure.dataset.chart);
    const plot = figure.querySelector(".plot");
    if (!plot || !window.uPlot || told.labels.length === 0) return;
    const paint = () => {
      const styles = [
        { stroke: colour("--accent"), width: 2, fill: null },
        { stroke: colour("--quiet"), width: 2, dash: [4, 4] },
        { stroke: colour("--good"), width: 2 },
        { stroke: colour("--warn"), width: 2 },
      ];
      const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
      const step = Math.max(1, Math.ceil(told.labels.length / Math.max(2, plot.clientWidth / 90)));
      const options = {
        width: plot.clientWidth,
        height: plot.clientHeight - 28,
        scales: { x: { time: false } },
        cursor: { y: false },
        legend: { live: true },
        axes: [
          { ...axis, splits: () => told.labels.map((_, place) => place).filter((place) => place % step === 0),
            values: (_, places) => places.map((place) => told.labels[place] ?? "") },
          { ...axis, size: 56, values: (_, numbers) => numbers.map(short) },
        ],
        series: [
          { label: told.unit || "", value: (_, place) => (place == null ? "–" : told.labels[place]) },
          ...told.series.map((one, place) => ({ label: one.name, ...styles[place % styles.length],
            value: (_, number) => (number == null ? "–" : number.toLocaleString()) })),
        ],
      };
      plot.replaceChildren();
      return new uPlot(options, [told.labels.map((_, place) => place), ...told.series.map((one) => one.values)], plot);
    };
    let drawn = paint();
    let width = plot.clientWidth;
    new ResizeObserver(() => {
      if (plot.clientWidth !== width) {
        width = plot.clientWidth;
        drawn.destroy();
        drawn = paint();
      }
    }).observe(plot);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      drawn.destroy();
      drawn = paint();
    });
  };

  // Rows that come in while somebody looks: an address of server-sent events, each a table row made by the server.
  const follow = (body) => {
    const rows_max = Number(body.dataset.rows || 200);
    const state = document.querySelector(body.dataset.state);
    const pause = document.querySelector(body.dataset.pause);
    const say = (text) => { if (state) state.textContent = text; };
    const source = new EventSource(body.dataset.live);
    let waiting = [];
    let paused = false;
    const show = (html) => {
      const holder = document.createElement("tbody");
      holder.innerHTML = html;
      for (const row of holder.children) {
        document.getElementById(row.id)?.remove();
        row.classList.add("new");
        body.prepend(row);
        if (window.htmx) htmx.process(row);
      }
      while (body.children.length > rows_max) body.lastElementChild.remove();
    };
    source.onopen = () => say("live");
    source.onerror = () => say(source.readyState === EventSource.CLOSED ? "ended; load the page again" : "waiting for the server");
    source.addEventListener("row", (event) => {
      document.querySelector(body.dataset.empty)?.setAttribute("hidden", "");
      if (paused) {
        waiting.push(event.data);
        if (waiting.length > rows_max) waiting.shift();
        say(`paused, ${waiting.length} new`);
      } else {
        show(event.data);
      }
    });
    pause?.addEventListener("click", () => {
      paused = !paused;
      pause.textContent = paused ? "Go on" : "Pause";
      pause.setAttribute("aria-pressed", String(paused));
      if (!paused) {
        waiting.forEach(show);
        waiting = [];
        say("live");
      }
    });
    addEventListener("pagehide", () => source.close());
  };

  const begin = (root) => {
    for (const figure of root.querySelectorAll("[data-chart]")) draw(figure);
    for (const body of root.querySelectorAll("[data-live]")) follow(body);
    // A box at the head of a column marks all of it.
    for (const all of root.querySelectorAll("[data-marks]")) {
      all.hidden = false;
      all.addEventListener("change", () => {
        for (const box of document.querySelectorAll(`input[name="${all.dataset.marks}"]`)) box.checked = all.checked;
      });
    }
    for (const button of root.querySelectorAll("[data-copy]")) {
      button.hidden = false;
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(button.dataset.copy);
        button.textContent = "Copied";
      });
    }
    // What cannot be taken back is asked once more.
    for (const form of root.querySelectorAll("form[data-ask]")) {
      form.addEventListener("submit", (event) => {
        if (!confirm(form.dataset.ask)) event.preventDefault();
      });
    }
    // A filter is sent as soon as it is chosen; the button stays for those who want it.
    for (const select of root.querySelectorAll("select[data-send]")) {
      select.addEventListener("change", () => select.form.requestSubmit());
    }
    // A file can be dropped on its field.
    for (const zone of root.querySelectorAll("[data-drop]")) {
      const input = zone.querySelector("input[type=file]");
      zone.addEventListener("dragover", (event) => { event.preventDefault(); zone.classList.add("over"); });
      zone.addEventListener("dragleave", () => zone.classList.remove("over"));
      zone.addEventListener("drop", (event) => {
        event.preventDefault();
        zone.classList.remove("over");
        input.files = event.dataTransfer.files;
        input.dispatchEvent(new Event("change", { bubbles: true }));
      });
    }
  };

  addEventListener("DOMContentLoaded", () => begin(document));
  addEventListener("htmx:load", (event) => { if (event.detail.elt !== document.body) begin(event.detail.elt); });
  // "/" goes to the search, as in many places.
  addEventListener("keydown", (event) => {
    if (event.key === "/" && !/^(input|textarea|select)$/i.test(event.target.tagName)) {
      const field = document.querySelector("#find");
      if (field) {
        event.preventDefault();
        field.focus();
      }
    }
  });
})();

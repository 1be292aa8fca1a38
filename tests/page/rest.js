// Before any script of the page: `atRest()` waits until it has nothing under way.
(() => {
  if (window.atRest) return;
  // Longer timers are not for what is about to be shown.
  const SOON_MILLISECONDS = 300;
  const GIVE_UP_MILLISECONDS = 60_000;
  const { requestAnimationFrame } = window;
  const underWay = new Map();
  let begun = 0;

  const begin = (key, what) => {
    begun++;
    underWay.set(key, what);
  };

  const watchAnswers = (owner, name) => {
    const original = owner[name];
    owner[name] = function (...all) {
      const [key, answer] = [{}, original.apply(this, all)];
      const done = () => underWay.delete(key);
      begin(key, `${name} ${all[0] ?? ""}`);
      answer.then(done, done);
      return answer;
    };
  };
  watchAnswers(window, "fetch");
  for (const name of ["json", "text", "arrayBuffer"]) watchAnswers(Response.prototype, name);

  const watchCalls = (set, clear, soon) => {
    const [start, stop] = [window[set], window[clear]];
    window[set] = (run, ...more) => {
      const id = start.call(window, (...all) => {
        underWay.delete(`${set} ${id}`);
        return run(...all);
      }, ...more);
      if (soon(more[0] ?? 0)) begin(`${set} ${id}`, set);
      return id;
    };
    window[clear] = (id) => {
      underWay.delete(`${set} ${id}`);
      stop.call(window, id);
    };
  };
  watchCalls("setTimeout", "clearTimeout", (delay) => delay <= SOON_MILLISECONDS);
  watchCalls("requestAnimationFrame", "cancelAnimationFrame", () => true);

  // In the second frame from now, what was told in between is drawn, and observers have been told of it.
  const drawn = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));

  window.atRest = async () => {
    const deadline = performance.now() + GIVE_UP_MILLISECONDS;
    let before;
    do {
      before = begun;
      await drawn();
      if (performance.now() > deadline)
        throw new Error(`No rest: ${[...underWay.values()].join(", ")}`);
    } while (underWay.size > 0 || begun > before || document.fonts.status === "loading");
  };
})();

// What benchmarks/page.py does inside the page: runs in the plugin's frame before the page does.

if (window !== parent) {
  const find = (element, name) => element?.renderRoot?.querySelector(name);
  const all = (element, name) => [...element.renderRoot.querySelectorAll(name)];
  const app = () => document.querySelector("rnngrad-app");
  const frame = () => new Promise(requestAnimationFrame);
  const rest = (time) => new Promise((done) => setTimeout(done, time));
  const heatmapCanvas = () => find(find(find(app(), "rg-card"), "rg-heatmap"), "canvas");
  const slider = () => find(find(app(), "rg-step-slider"), "input[type=range]");

  const isDrawn = (canvas) => {
    if (!canvas) return false;
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return data.some((byte) => byte > 0);
  };

  /** What the first picture of each view is drawn on. */
  const FIRST = {
    heatmap: heatmapCanvas,
    overview: () => find(find(find(app(), "rg-step-curves"), "rg-curve"), "canvas"),
  };

  /** All is drawn, but for the browser's own layout and raster, and for what is far out of view. */
  const settled = async () => {
    await app().updateComplete;
    const cards = all(app(), "rg-card");
    await Promise.all(cards.map((card) => card.updateComplete));
    const near = [...cards.flatMap((card) => all(card, "rg-heatmap")), ...all(app(), "rg-curve")].filter((element) =>
      element.checkVisibility({ contentVisibilityAuto: true }),
    );
    await Promise.all(near.map((element) => element.updateComplete));
  };

  const loaded = async () => {
    while (all(app(), "rg-card").some((card) => card.loaded.status === "loading")) await rest(100);
    await rest(1000);
  };

  const press = (target, key, shiftKey = false) =>
    target.dispatchEvent(
      new KeyboardEvent("keydown", { key, shiftKey, bubbles: true, cancelable: true, composed: true }),
    );

  const marked = async (act) => {
    performance.mark("from");
    act();
    await settled();
    performance.mark("to");
  };

  const frames = async (count, act) => {
    await frame();
    for (let i = 0; i < count; i++) {
      performance.mark("from");
      act(i);
      await frame();
      performance.mark("to");
    }
  };

  window.acts = {
    async step() {
      for (let i = 0; i < 40; i++) {
        await rest(250); // the neighbour is fetched ahead
        await marked(() => press(slider(), i % 8 < 4 ? "ArrowLeft" : "ArrowRight"));
      }
    },
    async range() {
      for (let i = 0; i < 40; i++) {
        await rest(60);
        const choice = new CustomEvent("rg-set", { detail: { limit: 0.01 * (i + 1) } });
        await marked(() => app().dispatchEvent(choice));
      }
    },
    async drag() {
      const input = slider();
      await frames(300, (i) => {
        input.value = String((i * 37) % (Number(input.max) + 1));
        input.dispatchEvent(new Event("input", { bubbles: true }));
      });
    },
    async pan() {
      const canvas = heatmapCanvas();
      for (const key of ["+", "]", "+", "]", "+"]) press(canvas, key);
      await rest(3000);
      const turn = (i) => (i < 45 ? "ArrowRight" : "ArrowLeft");
      await frames(90, (i) => i % 3 === 0 && press(canvas, turn(i), true));
    },
    async scroll() {
      await loaded();
      const content = find(app(), ".content");
      await frames(240, (i) => content.scrollBy(0, i < 120 ? 120 : -120));
    },
  };

  const watch = () => {
    for (const [name, canvas] of Object.entries(FIRST))
      if (isDrawn(canvas())) window.firstPicture = { name, time: performance.timeOrigin + performance.now() };
    if (!window.firstPicture) requestAnimationFrame(watch);
  };
  requestAnimationFrame(watch);
}

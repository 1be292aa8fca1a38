/** What axe-core leaves open: contrast of text in pictures and of edges, and what the keyboard reaches. */
(() => {
  const CONTROLS = "button, select, input, textarea, summary, a[href], [tabindex], [role=slider], [role=button]";
  const COMPOSITES = "[role=tablist], [role=group]";
  const EDGED = "button, select, textarea, input:not([type=checkbox]):not([type=radio]):not([type=range]), [role=slider]";

  const pixel = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  /** Red, green, blue (0 to 255) and alpha (0 to 1) of any colour that CSS knows. */
  function parse(colour) {
    pixel.clearRect(0, 0, 1, 1);
    pixel.fillStyle = colour;
    pixel.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = pixel.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  }

  const over = ([r, g, b, a], below) =>
    [r, g, b].map((part, i) => part * a + below[i] * (1 - a)).concat(1);

  /** https://www.w3.org/TR/WCAG22/#dfn-relative-luminance */
  function luminance(colour) {
    const [r, g, b] = colour.slice(0, 3).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  }

  function contrast(one, other) {
    const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  }

  const parentOf = (element) =>
    element.assignedSlot ?? element.parentElement ?? element.getRootNode().host ?? null;

  function ancestors(element) {
    const found = [];
    for (let one = element; one; one = parentOf(one)) found.push(one);
    return found;
  }

  function backgroundOf(element) {
    return ancestors(element)
      .reverse()
      .map((one) => parse(getComputedStyle(one).backgroundColor))
      .reduce((below, layer) => over(layer, below), [255, 255, 255, 1]);
  }

  const opacityOf = (element) =>
    ancestors(element).reduce((product, one) => product * Number(getComputedStyle(one).opacity), 1);

  function contrastOf(colour, element) {
    const behind = backgroundOf(element);
    const [r, g, b, a] = parse(colour);
    return contrast(over([r, g, b, a * opacityOf(element)], behind), behind);
  }

  /** Every element, those in shadow roots too. */
  function all(root = document) {
    return [...root.querySelectorAll("*")].flatMap((one) => [one, ...(one.shadowRoot ? all(one.shadowRoot) : [])]);
  }

  function isVisible(element) {
    const { width, height } = element.getBoundingClientRect();
    return width > 1 && height > 1 && element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
  }

  const isDisabled = (element) => ancestors(element).some((one) => one.matches(":disabled"));

  function nameOf(element) {
    const words = element.getAttribute("aria-label") ?? element.textContent.trim().slice(0, 40);
    const host = element.getRootNode().host;
    return `${host ? `${host.localName} ` : ""}${element.localName}.${element.getAttribute("class") ?? ""} "${words}"`;
  }

  const hasText = (element) =>
    [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());

  function textContrasts(element) {
    const style = getComputedStyle(element);
    const size = Number.parseFloat(style.fontSize);
    const least = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    const drawn = element instanceof SVGElement ? style.fill : style.color;
    const found = [];
    if (hasText(element) || element.matches("input, select")) found.push([drawn, ""]);
    if (element.matches("[placeholder]")) found.push([getComputedStyle(element, "::placeholder").color, " placeholder"]);
    return found
      .map(([colour, what]) => ({ what: nameOf(element) + what, ratio: contrastOf(colour, element), least }));
  }

  function edgeContrasts(element) {
    const style = getComputedStyle(element);
    const outside = parentOf(element);
    if (!element.matches(EDGED) || style.borderBottomStyle === "none" || parse(style.borderBottomColor)[3] === 0) return [];
    return [{ what: `edge of ${nameOf(element)}`, ratio: contrastOf(style.borderBottomColor, outside), least: 3 }];
  }

  /** Of all that is seen and not disabled: what it is, its contrast, and the least that it may have. */
  function contrasts() {
    const seen = all().filter((one) => !one.matches("option, optgroup, style, script") && isVisible(one) && !isDisabled(one));
    return seen.flatMap((one) => [...textContrasts(one), ...edgeContrasts(one)]);
  }

  function isRoving(element, stops) {
    const composite = ancestors(element).find((one) => one.matches(COMPOSITES));
    return element.tabIndex < 0 && composite && stops.some((one) => ancestors(one).includes(composite));
  }

  /** What the keyboard must reach: everything that can be worked, or looks as if it could be. */
  function workable() {
    const seen = all().filter((one) => isVisible(one) && !isDisabled(one));
    const stops = seen.filter((one) => one.tabIndex === 0);
    const worked = seen.filter((one) => one.matches(CONTROLS) && !isRoving(one, stops));
    const looks = seen.filter((one) => {
      const { cursor, pointerEvents } = getComputedStyle(one);
      const inherits = parentOf(one) && getComputedStyle(parentOf(one)).cursor === cursor;
      const inControl = ancestors(one).some((other) => other.matches(`${CONTROLS}, label, option`));
      return !["auto", "default", "text"].includes(cursor) && pointerEvents !== "none" && !inherits && !inControl;
    });
    return [...new Set([...worked, ...looks])];
  }

  function focused() {
    let active = document.activeElement;
    while (active?.shadowRoot?.activeElement) active = active.shadowRoot.activeElement;
    return active === document.body ? null : active;
  }

  const reached = new Set();

  /** Note where the focus is: null outside the page, else its name and how well its ring is seen. */
  function noteFocus() {
    const element = document.hasFocus() ? focused() : null;
    if (!element || reached.has(element)) return null;
    reached.add(element);
    const { outlineStyle, outlineWidth, outlineColor } = getComputedStyle(element);
    const ring = outlineStyle === "none" || Number.parseFloat(outlineWidth) < 2 ? 0 : contrastOf(outlineColor, parentOf(element));
    return { what: nameOf(element), ring };
  }

  /** What looks workable is so for the mouse alone only where no control within it does the same. */
  function unreached() {
    const holds = (one) => [...one.querySelectorAll("*")].some((inner) => reached.has(inner));
    return workable().filter((one) => !reached.has(one) && !holds(one)).map(nameOf);
  }

  /** What is seen of an element: the rest is scrolled away. */
  function seenBox(element) {
    const scrollers = ancestors(element).filter((one) => getComputedStyle(one).overflowY !== "visible");
    const boxes = [element, ...scrollers].map((one) => one.getBoundingClientRect());
    const [left, top] = [Math.max(...boxes.map((box) => box.left)), Math.max(...boxes.map((box) => box.top))];
    const [right, bottom] = [Math.min(...boxes.map((box) => box.right)), Math.min(...boxes.map((box) => box.bottom))];
    return { left, top, right, bottom };
  }

  /** Controls that lie over each other, and a page that is wider than its window. */
  function crowded() {
    const controls = all().filter(
      (one) => isVisible(one) && one.matches("button, select, input, label, summary, rg-colour-bar, rg-card"),
    );
    const boxes = controls.map((one) => [one, seenBox(one)]);
    const over = boxes.flatMap(([one, a], i) =>
      boxes
        .slice(i + 1)
        .filter(([other, b]) => {
          const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
          const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
          const nested = ancestors(other).includes(one) || ancestors(one).includes(other);
          return wide > 1 && high > 1 && !nested;
        })
        .map(([other]) => `${nameOf(one)} over ${nameOf(other)}`),
    );
    const { scrollWidth } = document.documentElement;
    return scrollWidth > innerWidth ? [`the page is ${scrollWidth} wide`, ...over] : over;
  }

  const shortOf = (text) => text.trim().slice(0, 40);

  /** The element that cuts a box off at the left or right. Ellipses do so by intent, and some parts scroll. */
  function cutAt(one, box) {
    return ancestors(one).find((parent) => {
      const { overflowX, textOverflow, clipPath } = getComputedStyle(parent);
      if (overflowX === "visible" || textOverflow === "ellipsis" || clipPath !== "none") return false;
      if (parent.matches(".scroll, .list, pre")) return false;
      const { left, right } = parent.getBoundingClientRect();
      return box.left < left - 1.5 || box.right > right + 1.5;
    });
  }

  /** Text that is cut off at the left or right, and numbers in a picture that lie over each other. */
  function cut() {
    const found = [];
    for (const one of all().filter(isVisible)) {
      for (const node of one.childNodes) {
        if (node.nodeType !== Node.TEXT_NODE || !node.data.trim() || one.matches("option, style, script")) continue;
        const range = document.createRange();
        range.selectNodeContents(node);
        const at = cutAt(one, range.getBoundingClientRect());
        if (at) found.push(`${shortOf(node.data)} cut by ${nameOf(at)}`);
      }
      if (!one.matches("svg")) continue;
      const texts = [...one.querySelectorAll("text")].map((text) => [text, text.getBoundingClientRect()]);
      texts.forEach(([text, a], i) => {
        for (const [other, b] of texts.slice(i + 1)) {
          const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
          const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
          if (wide > 1 && high > 3) found.push(`${shortOf(text.textContent)} over ${shortOf(other.textContent)}`);
        }
      });
    }
    return found;
  }

  globalThis.accessibility = { contrasts, crowded, cut, noteFocus, unreached };
})();

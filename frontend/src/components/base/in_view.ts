/**
 * Tells which of many elements are in view, a few at a time, so that no element is drawn before it is needed.
 *
 * This is stricter than `content-visibility`, which counts thousands of pixels around the view.
 */

/** An element that draws only while it is in view or close to it. */
export interface LazyElement extends Element {
  seen: boolean;
}

/** At most this many elements come into view per frame, so that scrolling stays smooth. */
const A_FRAME = 4;

const coming = new Set<LazyElement>();

const watched = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) come(target as LazyElement);
      else leave(target as LazyElement);
    }
  },
  { scrollMargin: "300px" } as IntersectionObserverInit, // TypeScript does not know this option yet
);

export function watch(element: LazyElement): void {
  watched.observe(element);
}

export function unwatch(element: LazyElement): void {
  watched.unobserve(element);
  leave(element);
}

function come(element: LazyElement): void {
  if (coming.size === 0) requestAnimationFrame(show);
  coming.add(element);
}

function leave(element: LazyElement): void {
  coming.delete(element);
  element.seen = false;
}

function show(): void {
  for (const element of [...coming].slice(0, A_FRAME)) {
    coming.delete(element);
    element.seen = true;
  }
  if (coming.size > 0) requestAnimationFrame(show);
}

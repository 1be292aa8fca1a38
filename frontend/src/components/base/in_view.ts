/**
 * Which of many elements are in view, told a few at a time: none is drawn before it is looked at. Nearer than
 * `content-visibility`, which counts thousands of pixels around as near.
 */

/** What draws only while it is in view, or about to be. */
export interface LazyElement extends Element {
  seen: boolean;
}

/** So many a frame come into view, lest scrolling waits for them. */
const A_FRAME = 4;

const coming = new Set<LazyElement>();

const watched = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) come(target as LazyElement);
      else leave(target as LazyElement);
    }
  },
  { scrollMargin: "300px" } as IntersectionObserverInit, // TypeScript does not know it yet
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

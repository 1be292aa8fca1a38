import { documentStyle } from "./components/base/theme";
import { adoptFonts } from "./host/tensorboard";
import "./page/app";

/** TensorBoard calls this after it loaded this module into the tab's frame. */
export function render(): void {
  document.documentElement.lang = "en";
  document.title = "RNN Gradients";
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(documentStyle);
  document.adoptedStyleSheets.push(sheet);
  adoptFonts();
  document.body.append(document.createElement("rnngrad-app"));
}

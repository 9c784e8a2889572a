// Questions about how a page looks, for a test to ask; each answers with what is wrong, and nothing where all is well.
(() => {
  const name = (element) => {
    const text = (element.innerText || element.value || element.placeholder || "").trim().slice(0, 40);
    return `${element.tagName.toLowerCase()}${element.id && "#" + element.id}.${element.getAttribute("class") || ""} "${text}"`;
  };
  const everything = () => [...document.body.querySelectorAll("*")];
  const isShown = (element) => {
    const box = element.getBoundingClientRect();
    return box.width > 1 && box.height > 1 &&
      element.checkVisibility({ visibilityProperty: true, opacityProperty: true, contentVisibilityAuto: true });
  };

  // A canvas knows every way in which a colour can be written.
  const brush = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d");
  const known = new Map();
  const channels = (colour) => {
    if (!known.has(colour)) {
      brush.clearRect(0, 0, 1, 1);
      brush.fillStyle = colour;
      brush.fillRect(0, 0, 1, 1);
      const [red, green, blue, alpha] = brush.getImageData(0, 0, 1, 1).data;
      known.set(colour, { rgb: [red, green, blue], alpha: alpha / 255 });
    }
    return known.get(colour);
  };
  const over = (colour, ground) => {
    const { rgb, alpha } = channels(colour);
    return rgb.map((channel, place) => channel * alpha + ground[place] * (1 - alpha));
  };
  const ground = (element) => {
    const below = element.parentElement ? ground(element.parentElement) : channels("Canvas").rgb;
    return over(getComputedStyle(element).backgroundColor, below);
  };
  // WCAG 2.2, "relative luminance" and "contrast ratio".
  const luminance = (rgb) => {
    const [red, green, blue] = rgb.map((channel) => channel / 255)
      .map((share) => (share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const ratio = (one, other) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };
  const needed = (style) => {
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    return isLarge ? 3 : 4.5;
  };
  const faint = (element, style, colour) => {
    const below = ground(element);
    const found = ratio(over(colour, below), below);
    return found < needed(style) ? [`${name(element)}: ${found.toFixed(2)}`] : [];
  };
  const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
  const isField = (element) => element.matches("input:not([type=hidden], [type=checkbox], [type=radio], [type=file]), textarea, select");

  const questions = {
    faintTexts() {
      const texts = everything().filter((element) => isShown(element) && !element.closest("[disabled], option"));
      return texts.flatMap((element) => {
        const style = getComputedStyle(element);
        const colour = element instanceof SVGElement ? style.fill : style.color;
        const own = hasText(element) || isField(element) ? faint(element, style, colour) : [];
        const hint = getComputedStyle(element, "::placeholder");
        return element.placeholder ? [...own, ...faint(element, hint, hint.color).map((told) => `placeholder of ${told}`)] : own;
      });
    },
    namelessControls() {
      const controls = everything().filter((element) => element.matches("input:not([type=hidden]), select, textarea"));
      const labelled = (element) => element.getAttribute("aria-label")?.trim() ||
        [...(element.labels || [])].some((label) => label.textContent.trim());
      const doors = everything().filter((element) => element.matches("a[href], button, summary"));
      const said = (element) => element.textContent.trim() || element.getAttribute("aria-label")?.trim();
      return [...controls.filter((control) => !labelled(control)), ...doors.filter((door) => !said(door))].map(name);
    },
    idsTwice() {
      const ids = everything().map((element) => element.id).filter(Boolean);
      return ids.filter((id, place) => ids.indexOf(id) !== place);
    },
    tooWide() {
      const root = document.documentElement;
      const width = root.clientWidth;
      if (root.scrollWidth <= width) return [];
      const scrolls = (element) => element && (getComputedStyle(element).overflowX !== "visible" || scrolls(element.parentElement));
      const wide = everything().filter((element) => isShown(element) && element.getBoundingClientRect().right > width + 1 &&
        !scrolls(element.parentElement?.closest("main *")));
      return [`${root.scrollWidth} px of ${width}`, ...wide.map(name)];
    },
    moved() {
      return window.__moved.reduce((sum, one) => sum + one.value, 0) < 0.01 ? [] : window.__moved;
    },
    transferredBytes() {
      const loaded = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
      return loaded.reduce((sum, one) => sum + one.transferSize, 0);
    },
    // What a page of ours never has, whoever wrote the words in it.
    foreignParts() {
      const parts = document.querySelectorAll(
        'iframe, object, embed, base, style, math, [style], [srcdoc], meta[http-equiv], script:not([src^="/assets/"]), link:not([href^="/assets/"])',
      );
      const acting = everything().filter((element) => [...element.attributes].some((attribute) =>
        /^on/i.test(attribute.name) || /^(data-)?hx-on/i.test(attribute.name)));
      const leading = everything().filter((element) => ["href", "action", "formaction", "src"].some((attribute) =>
        element.hasAttribute(attribute) && !/^(\/(?!\/)|#|data:image\/svg\+xml;base64,)/.test(element.getAttribute(attribute))));
      // The chart library sizes its parts; it is ours.
      const ours = (element) => element.closest(".uplot, .u-wrap, .u-legend");
      return [...parts, ...acting, ...leading].filter((element) => !ours(element)).map((element) => element.outerHTML.slice(0, 200));
    },
    // What was carried out, or could be, of words that are only to be read.
    harm() {
      const ran = window.__xss === undefined ? [] : ["a script of a stranger ran"];
      return [...ran, ...window.__forbidden, ...questions.foreignParts()];
    },
    harmAndSteering() {
      return [...questions.harm(), ...questions.steeringCharacters()];
    },
    steeringCharacters() {
      return [...(document.body.innerText.match(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g) || [])]
        .map((one) => `U+${one.codePointAt(0).toString(16)}`);
    },
  };
  return questions;
})()

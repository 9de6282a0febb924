// Questions before an action: the page that asks, shown in a dialog; its form is sent from there, and errors stay in it.
import { ask, library, place, read } from "./morph.js";
import { toast } from "./toast.js";
import { _ } from "./words.js";

/** The address that a link or a button of a form asks. @param {HTMLElement} from */
function address(from) {
  if (from instanceof HTMLAnchorElement) return from.href;
  if (from.dataset.ask) return new URL(from.dataset.ask, document.baseURI).href;
  const button = /** @type {HTMLButtonElement} */ (from);
  const url = new URL(button.formAction || button.form?.action || "", document.baseURI);
  for (const [name, value] of new FormData(button.form ?? undefined, button)) if (typeof value === "string" && value) url.searchParams.append(name, value);
  return url.href;
}

/** A dialog with this in it; the focus goes back when it closes. @param {Node[]} inside @param {{title?: string, kind?: string}} [how] */
export function show(inside, { title = "", kind = "" } = {}) {
  const back = /** @type {HTMLElement | null} */ (document.activeElement);
  const dialog = document.createElement("dialog");
  dialog.className = kind;
  dialog.id = `dialog-${Date.now()}`;
  dialog.append(...inside);
  const heading = dialog.querySelector("h1, h2");
  if (heading && !title) {
    heading.id ||= `${dialog.id}-title`;
    dialog.setAttribute("aria-labelledby", heading.id);
  } else dialog.setAttribute("aria-label", title);
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (back?.isConnected) back.focus({ preventScroll: true });
  });
  dialog.addEventListener("click", (event) => {
    const target = /** @type {Element} */ (event.target);
    if (target === dialog || target.closest("[data-close]")) {
      event.preventDefault();
      dialog.close();
    }
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** Ask, where somebody has pressed. @param {HTMLElement} from */
export async function open(from) {
  const url = address(from);
  from.setAttribute("aria-busy", "true");
  try {
    const answer = await ask(url);
    if (answer.redirected || answer.status >= 500) return location.assign(url);
    const made = await read(answer);
    await library();
    const body = document.createElement("div");
    body.className = "body";
    body.id = "asked";
    const dialog = show([body], { title: made.querySelector("h1, h2")?.textContent ?? made.title });
    await place(body, made);
    const first = dialog.querySelector('[aria-invalid="true"], input:not([type=hidden]), select, textarea, .btn-primary, .btn-danger');
    /** @type {HTMLElement | null} */ (first)?.focus();
  } catch {
    location.assign(url);
  } finally {
    from.removeAttribute("aria-busy");
  }
}

/** Send a form from where it is. @param {HTMLFormElement} form @param {HTMLButtonElement | null} button */
export async function send(form, button) {
  if (button?.disabled) return; // pressed twice, the second time while this was being loaded
  const buttons = /** @type {HTMLButtonElement[]} */ ([...form.elements].filter((each) => each instanceof HTMLButtonElement && !each.disabled));
  const body = new URLSearchParams(/** @type {any} */ (new FormData(form, button)));
  for (const each of buttons) each.disabled = true;
  button?.setAttribute("aria-busy", "true");
  let sent = false;
  try {
    await library();
    sent = true;
    const answer = await ask(button?.hasAttribute("formaction") ? button.formAction : form.action, {
      method: "POST",
      body,
      headers: form.dataset.asked ? { "HX-Current-URL": location.href } : {}, // the page stays, and with it what was answered
    });
    if (answer.ok && form.dataset.asked) form.dataset.done = String(body.get("value"));
    await done(form, answer);
  } catch {
    const told = sent ? _("The server did not answer; nothing is known to be done. Look before you try again") : _("A part of this page could not be loaded, so nothing was sent. Try again");
    toast(told, { bad: true });
  } finally {
    for (const each of buttons) each.disabled = Boolean(form.dataset.done);
    button?.removeAttribute("aria-busy");
  }
}

/** @param {HTMLFormElement} form @param {Response} answer */
async function done(form, answer) {
  const dialog = form.closest("dialog");
  const notice = answer.headers.get("x-notice");
  const undo = answer.headers.get("x-undo");
  const said = notice ? decodeURIComponent(notice) : "";
  const to = answer.headers.get("hx-redirect") ?? (answer.redirected ? answer.url : "");
  if (to) return location.assign(new URL(to, answer.url).href);
  if (answer.ok) {
    const once = /** @type {HTMLInputElement | null} */ (form.querySelector('input[name="Idempotency-Key"]'));
    if (once) once.value = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    const text = answer.status === 204 ? "" : (await answer.clone().text()).trim();
    if (said) toast(said, undo ? { undo: () => void take(form, undo) } : {});
    if (text) await place(holder(form), await read(answer));
    else dialog?.close();
    document.body.dispatchEvent(new CustomEvent("refresh", { bubbles: true }));
    return;
  }
  if (!answer.headers.get("content-type")?.startsWith("text/html")) {
    toast(said || _("It was refused: {status}", { status: answer.status }), { bad: true });
    return;
  }
  const where = holder(form);
  await place(where, await read(answer));
  const wrong = (where.isConnected ? where : document).querySelector('[aria-invalid="true"], .error');
  if (wrong instanceof HTMLElement) wrong.focus();
}

/** Undo, with the token of the form that did it. @param {HTMLFormElement} form @param {string} url */
async function take(form, url) {
  const token = /** @type {HTMLInputElement | null} */ (form.querySelector('input[name="csrf"]'));
  const answer = await ask(url, { method: "POST", body: new URLSearchParams({ csrf: token?.value ?? "" }) });
  toast(answer.ok ? _("Undone") : _("It could not be undone"), { bad: !answer.ok });
  document.body.dispatchEvent(new CustomEvent("refresh", { bubbles: true }));
}

/** What an answer takes the place of. @param {HTMLFormElement} form @returns {HTMLElement} */
const holder = (form) => form.closest("dialog .body") ?? form;

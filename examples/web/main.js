// The page: takes pictures and models, and draws what the model makes of them.
import { loadRuntime, Model } from "./engine.js";
import { facts, preparation, readable } from "./facts.js";
import { ModelError } from "./model.js";
import { decode, PictureError, pixels } from "./picture.js";

const TOP = 5;
/** Pause between two frames of the camera, so that the device stays cool and bars can be read. */
const PAUSE_MS = 150;

const $ = (id) => document.getElementById(id);
const main = $("main");
const canRun = () => ort !== undefined && model !== undefined;
let ort;
let model;
/** The last picture, for another model. */
let lastFile;
let stream;
/** Counts what the user asks for: an answer to an earlier wish is not shown. */
let wish = 0;

/** `loading`, `empty`, `busy`, `done` or `error`: what tests wait for. */
function setState(state) {
  main.dataset.state = state;
}

function showError(error) {
  const isExpected = error instanceof ModelError || error instanceof PictureError;
  if (!isExpected) console.error(error);
  $("error").textContent = isExpected ? error.message : `The page failed: ${error?.message ?? error}`;
  $("error").hidden = false;
  setState("error");
}

function clearError() {
  $("error").hidden = true;
}

function say(text, isResult = false) {
  $("summary").classList.toggle("quiet", !isResult);
  // A text that is set again would be read aloud again.
  if ($("summary").textContent !== text) $("summary").textContent = text;
}

const percent = (probability) => `${(100 * probability).toFixed(1)} %`;

/** One row of the list of classes. Rows are kept, so that bars move to their new length. */
function row(i) {
  const existing = $("bars").children[i];
  if (existing) return existing;
  const item = document.createElement("li");
  item.innerHTML = '<span class="name"></span><span class="percent"></span><div class="track" aria-hidden="true"><div class="bar"></div></div>';
  return $("bars").appendChild(item);
}

function showResult({ ranked, preparing, running }, { width, height, isReduced }, decoding) {
  const top = ranked.slice(0, TOP);
  top.forEach(({ name, probability }, i) => {
    const item = row(i);
    item.dataset.name = name;
    item.dataset.probability = probability;
    item.querySelector(".name").textContent = readable(name);
    item.querySelector(".percent").textContent = percent(probability);
    item.querySelector(".bar").style.width = `${100 * probability}%`;
  });
  while ($("bars").children.length > top.length) $("bars").lastChild.remove();
  say(stream ? readable(top[0].name) : `${readable(top[0].name)}, ${percent(top[0].probability)}`, true);
  const times = [decoding && `decoding ${decoding.toFixed(0)} ms`, `preparing ${preparing.toFixed(0)} ms`, `model ${running.toFixed(1)} ms`];
  $("time").textContent = `${width} × ${height} pixels${isReduced ? " (reduced)" : ""}: ${times.filter(Boolean).join(", ")}`;
  setState("done");
}

function clearResult(text) {
  $("bars").replaceChildren();
  $("time").textContent = "";
  say(text);
}

function showPreview(file) {
  const preview = $("preview");
  if (preview.src) URL.revokeObjectURL(preview.src);
  preview.removeAttribute("src");
  preview.hidden = !file;
  if (file) {
    preview.src = URL.createObjectURL(file);
    preview.alt = `The picture ${file.name ?? ""}`.trim();
  }
  $("invitation").hidden = Boolean(file) || Boolean(stream);
  $("stage").classList.toggle("filled", Boolean(file) || Boolean(stream));
}

async function classifyFile(file) {
  stopCamera();
  clearError();
  const own = ++wish;
  setState("busy");
  try {
    const start = performance.now();
    const bitmap = await decode(file, file.name || "What was pasted");
    const picture = pixels(bitmap, bitmap.width, bitmap.height);
    bitmap.close();
    const decoding = performance.now() - start;
    if (own !== wish) return;
    lastFile = file;
    showPreview(file);
    if (!canRun()) {
      clearResult("Open a model to classify this picture.");
      setState("empty");
      return;
    }
    const result = await model.classify(picture);
    if (own === wish) showResult(result, picture, decoding);
  } catch (error) {
    if (own !== wish) return;
    lastFile = undefined;
    showPreview(undefined);
    clearResult("No picture is shown.");
    showError(error);
  }
}

async function openModel(read) {
  stopCamera();
  clearError();
  const own = ++wish;
  setState("loading");
  try {
    const bytes = await read();
    ort ??= await loadRuntime();
    const opened = await Model.open(ort, bytes);
    if (own !== wish) {
      await opened.release();
      return;
    }
    await model?.release();
    model = opened;
    const rows = facts(model).flatMap(([term, text]) => {
      const [dt, dd] = ["dt", "dd"].map((tag) => document.createElement(tag));
      [dt.textContent, dd.textContent] = [term, text];
      return [dt, dd];
    });
    $("facts").replaceChildren(...rows);
    $("preparation").textContent = preparation(model.description);
    $("camera").disabled = false;
    if (lastFile) {
      await classifyFile(lastFile);
    } else {
      clearResult("Choose a picture to see its classes.");
      setState("empty");
    }
  } catch (error) {
    if (own !== wish) return;
    if (!model) clearResult("No model is loaded.");
    showError(error);
  }
}

async function fetchModel() {
  const response = await fetch("model.onnx").catch(() => undefined);
  if (!response?.ok) {
    throw new ModelError("There is no model.onnx beside this page. Start serve.py with a model, or drop one here.");
  }
  return new Uint8Array(await response.arrayBuffer());
}

const isModel = ({ name = "" }) => name.toLowerCase().endsWith(".onnx");

function take(file) {
  if (!file) return undefined;
  return isModel(file) ? openModel(async () => new Uint8Array(await file.arrayBuffer())) : classifyFile(file);
}

function stopCamera() {
  if (!stream) return;
  stream.getTracks().forEach((track) => track.stop());
  stream = undefined;
  $("video").srcObject = null;
  $("video").hidden = true;
  $("camera").classList.remove("primary");
  $("camera").textContent = "Use the camera";
  showPreview(undefined);
}

const CAMERA_ERRORS = {
  NotAllowedError: "The browser does not let this page use the camera.",
  NotFoundError: "This device has no camera.",
  NotReadableError: "Another program uses the camera.",
};

async function startCamera() {
  clearError();
  const own = ++wish;
  setState("busy");
  try {
    if (!navigator.mediaDevices) {
      throw new PictureError("A browser gives a camera only to pages from https addresses and from localhost.");
    }
    const opened = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } }).catch((error) => {
      throw new PictureError(CAMERA_ERRORS[error.name] ?? `The camera does not start: ${error.message}`);
    });
    if (own !== wish) {
      opened.getTracks().forEach((track) => track.stop());
      return;
    }
    lastFile = undefined;
    stream = opened;
    showPreview(undefined);
    clearResult("The camera is starting.");
    const video = $("video");
    video.srcObject = stream;
    video.hidden = false;
    $("camera").classList.add("primary");
    $("camera").textContent = "Stop the camera";
    await video.play();
    while (own === wish) {
      const picture = pixels(video, video.videoWidth, video.videoHeight);
      const result = await model.classify(picture);
      if (own === wish) showResult(result, picture);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  } catch (error) {
    if (own !== wish) return;
    stopCamera();
    clearResult("No picture is shown.");
    showError(error);
  }
}

function toggleCamera() {
  if (!stream) return startCamera();
  wish++;
  stopCamera();
  clearResult("Choose a picture to see its classes.");
  setState("empty");
  return undefined;
}

/** A button opens the dialogue of a file input, and the input gives the file. */
function connect(button, input) {
  $(button).addEventListener("click", () => $(input).click());
  $(input).addEventListener("change", () => {
    take($(input).files[0]);
    // The same file can then be chosen again.
    $(input).value = "";
  });
}

connect("choose", "picture-file");
connect("choose-model", "model-file");
$("camera").disabled = true;
$("camera").addEventListener("click", toggleCamera);
document.addEventListener("paste", (event) => take(event.clipboardData?.files[0]));

// The whole window takes what is dropped: beside the frame, the browser would open the file in place of the page.
const dropping = (isOver) => document.body.classList.toggle("dropping", isOver);
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  dropping(true);
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) dropping(false);
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  dropping(false);
  const [file] = event.dataTransfer.files;
  if (file) take(file);
  else showError(new PictureError("What was dropped is not a file. Save the picture first, or copy and paste it."));
});

openModel(fetchModel);

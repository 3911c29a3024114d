// Brings the frame to life. Everything listens on the document, so swapped pages need no new start.
import "./copying.js";
import "./dialogs.js";
import "./drag.js";
import "./filing.js";
import "./importing.js";
import "./keys.js";
import "./menus.js";
import "./readings.js";
import "./search.js";
import "./selection.js";
import "./tabs.js";
import "./viewer/start.js";
import { tellServerTimeZone } from "./frame.js";
import { startUploads } from "./upload.js";

startUploads();
tellServerTimeZone();

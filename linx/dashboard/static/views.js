/* Which component shows which view beside the list of requests, and the opened request. A view that is not here has no tab. */

import { Chat } from "./chat.js";
import { Connect } from "./connect.js";
import { Detail } from "./detail.js";
import { History } from "./history.js";
import { Models } from "./models.js";

export const VIEWS = { chat: Chat, history: History, models: Models, connect: Connect };
export const DETAIL = Detail;

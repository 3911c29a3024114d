// Says to the styles that scripts run; loaded first, so nothing jumps.
document.documentElement.classList.add("scripted");

// Greys and hues in the middle of the scale: as readable on white as on nearly black.
export const TEXT = '#7d8590';
export const GRID = 'rgba(128, 128, 128, 0.25)';
export const HIGHLIGHT = '#2f81f7';
export const OTHERS = '#8b949e';
/** Lines of a chart take these in turn. */
export const PALETTE: string[] = [HIGHLIGHT, '#d9730d', '#2da44e', '#a371f7', '#cf5a7e', '#9a8700', '#1b9e9e', OTHERS];

/** Room above the drawing for the title, and for the legend where there is one. */
export const TITLE_HEIGHT = 34;
export const LEGEND_HEIGHT = 26;
/** Room below the drawing for an axis with its name. */
export const AXIS_HEIGHT = 52;

export function titleOption(text: string): object {
  return { text, top: 8, left: 12, textStyle: { color: TEXT, fontSize: 14, fontWeight: 'bold' as const } };
}

/** An axis of numbers, with its name in the middle where one is given. */
export function numberAxis(name: string, log: boolean, nameGap: number): object {
  return {
    type: log ? ('log' as const) : ('value' as const),
    name,
    nameLocation: 'middle' as const,
    nameGap,
    nameTextStyle: { color: TEXT },
    axisLabel: { color: TEXT, hideOverlap: true, formatter: axisText },
    axisLine: { show: false },
    axisTick: { show: false },
    splitLine: { lineStyle: { color: GRID } },
  };
}

function axisText(value: number): string {
  if (value === 0) return '0';
  return Math.abs(value) < 0.01 ? value.toExponential() : value.toLocaleString('en-GB', { maximumFractionDigits: 2 });
}

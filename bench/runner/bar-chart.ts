import type { CustomSeriesOption, EChartsOption } from 'echarts';
import type { BarChart } from './chart.js';
import { AXIS_HEIGHT, HIGHLIGHT, OTHERS, TEXT, TITLE_HEIGHT, numberAxis, titleOption } from './chart-style.js';
import { valueText } from './number-text.js';
import type { Figure } from './row.js';

const BAR_HEIGHT = 30;
const CHAR_WIDTH = 6.8;
// Pale enough for the part of the spread that lies on the bar to be seen.
const HIGHLIGHTED = { color: HIGHLIGHT, opacity: 0.8 };
const ORDINARY = { color: OTHERS, opacity: 0.45 };

export function barChartHeight({ figures }: BarChart): number {
  return TITLE_HEIGHT + 10 + BAR_HEIGHT * figures.length + AXIS_HEIGHT;
}

/**
 * What to tell echarts to draw bars with their spread.
 *
 * @throws TypeError when a figure is not there or has another unit.
 */
export function barChartOptions(chart: BarChart, figures: readonly Figure[]): EChartsOption {
  const shown = chart.figures.map((name) => figureNamed(name, figures));
  const [first] = shown;
  const other = shown.find(({ unit }) => unit !== first?.unit);
  if (first === undefined || other !== undefined)
    throw new TypeError(`Expected figures of one unit in "${chart.title}", got ${other?.unit ?? 'none'}`);
  const longest = Math.max(...shown.map(({ name }) => name.length));
  return {
    title: titleOption(chart.title),
    grid: { top: TITLE_HEIGHT + 10, bottom: AXIS_HEIGHT, left: 24 + longest * CHAR_WIDTH, right: 110 },
    xAxis: numberAxis(first.unit, chart.log === true, 28),
    yAxis: {
      type: 'category',
      inverse: true,
      data: shown.map(({ name }) => name),
      axisLabel: { color: TEXT, interval: 0 },
      axisTick: { show: false },
      axisLine: { lineStyle: { color: TEXT } },
    },
    series: [
      {
        type: 'bar',
        barWidth: '58%',
        data: shown.map((figure) => ({
          value: figure.value,
          itemStyle: figure.name.startsWith('Treadle') ? HIGHLIGHTED : ORDINARY,
        })),
      },
      whiskers(shown),
    ],
  };
}

function figureNamed(name: string, figures: readonly Figure[]): Figure {
  const found = figures.find((figure) => figure.name === name);
  if (found === undefined) throw new TypeError(`Expected a figure "${name}" for a chart, got none of that name`);
  return found;
}

/** From low to high across each bar's end, and the figure as text behind whichever is further right. */
function whiskers(shown: readonly Figure[]): CustomSeriesOption {
  return {
    type: 'custom',
    clip: false,
    data: shown.map(({ value, spread }, at) => [value, at, spread?.low ?? value, spread?.high ?? value]),
    encode: { x: [0, 2, 3], y: 1 },
    renderItem: (_, api) => {
      const at = api.value(1) as number;
      const [value = 0, y = 0] = api.coord([api.value(0), at]);
      const [low = value, high = value] = [2, 3].map((dimension) => api.coord([api.value(dimension), at])[0]);
      const stroke = { stroke: TEXT, lineWidth: 1.5 };
      const line = (x1: number, y1: number, x2: number, y2: number) => ({
        type: 'line' as const,
        shape: { x1, y1, x2, y2 },
        style: stroke,
      });
      return {
        type: 'group',
        children: [
          ...(high > low ? [line(low, y, high, y), line(low, y - 4, low, y + 4), line(high, y - 4, high, y + 4)] : []),
          {
            type: 'text' as const,
            x: Math.max(value, high) + 8,
            y,
            style: { text: valueText(shown[at] as Figure), fill: TEXT, verticalAlign: 'middle' as const },
          },
        ],
      };
    },
  };
}

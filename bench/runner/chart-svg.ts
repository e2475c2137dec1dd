import { init } from 'echarts';
import { barChartHeight, barChartOptions } from './bar-chart.js';
import type { Chart } from './chart.js';
import { LINE_CHART_HEIGHT, lineChartOptions } from './line-chart.js';
import type { Figure } from './row.js';

const WIDTH = 760;

/** A chart as SVG; the same chart gives the same text. `figures` are those of its row. */
export function chartSvg(chart: Chart, figures: readonly Figure[]): string {
  const bars = chart.kind === 'bars';
  const height = bars ? barChartHeight(chart) : LINE_CHART_HEIGHT;
  const picture = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height });
  picture.setOption({
    animation: false,
    backgroundColor: 'transparent',
    ...(bars ? barChartOptions(chart, figures) : lineChartOptions(chart)),
  });
  const svg = picture.renderToSVGString();
  picture.dispose();
  return `${forLookingAt(svg)}\n`;
}

// What serves the pointer, which a picture has no use for. Its names also count what the process has drawn so far.
const FOR_POINTERS = / (?:class|ecmeta_\w+|pointer-events)="[^"]*"|<style[^>]*>[^]*?<\/style>\n?/g;

function forLookingAt(svg: string): string {
  return svg.replaceAll(FOR_POINTERS, '').trimEnd();
}

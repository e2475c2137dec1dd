import type { EChartsOption } from 'echarts';
import type { LineChart } from './chart.js';
import { AXIS_HEIGHT, LEGEND_HEIGHT, PALETTE, TEXT, TITLE_HEIGHT, numberAxis, titleOption } from './chart-style.js';

export const LINE_CHART_HEIGHT = 360;

/** What to tell echarts to draw lines. */
export function lineChartOptions({ title, xName, yName, xLog, yLog, series }: LineChart): EChartsOption {
  return {
    title: titleOption(title),
    color: PALETTE,
    legend: { top: TITLE_HEIGHT, left: 12, itemGap: 20, icon: 'roundRect', itemHeight: 3, textStyle: { color: TEXT } },
    grid: { top: TITLE_HEIGHT + LEGEND_HEIGHT + 14, bottom: AXIS_HEIGHT, left: 76, right: 44 },
    xAxis: { ...numberAxis(xName, xLog === true, 28), axisLine: { show: true, lineStyle: { color: TEXT } } },
    yAxis: numberAxis(yName, yLog === true, 58),
    series: series.map(({ name, points }) => ({
      type: 'line' as const,
      name,
      symbol: 'circle',
      symbolSize: 6,
      // Of a long series the line says it all.
      showSymbol: points.length <= 20,
      lineStyle: { width: 2 },
      data: points.map(([x, y]) => [x, y]),
    })),
  };
}
